package schema

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Named returns the types with names, in the order in which they were found. All
// types must have been read. Of several types with one name, each gets the packages of
// its type arguments into its name, then its own package, and then a number, until
// the names differ.
func (s *Set) Named() []*Named {
	taken := map[string]bool{"PullEvents": true} // the output declares it itself
	left := s.order
	for _, spell := range []func(reflect.Type) string{shortName, argumentsName, longName} {
		count := map[string]int{}
		for _, n := range left {
			count[spell(n.goType)]++
		}
		var clashes []*Named
		for _, n := range left {
			n.Name = spell(n.goType)
			if count[n.Name] > 1 || taken[n.Name] {
				clashes = append(clashes, n)
				continue
			}
			taken[n.Name] = true
		}
		left = clashes
	}
	for _, n := range left {
		for i := 1; taken[n.Name]; i++ {
			n.Name = longName(n.goType) + strconv.Itoa(i)
		}
		taken[n.Name] = true
	}
	return s.order
}

// shortName returns the name of a type without packages: Task, or PageTask for a
// Page[tasks.Task].
func shortName(t reflect.Type) string { return join(qualifier.ReplaceAllString(t.Name(), "")) }

// argumentsName returns the name with the packages of type arguments: PageTasksTask.
func argumentsName(t reflect.Type) string { return join(t.Name()) }

// longName returns the name with all packages: ViewsPageTasksTask.
func longName(t reflect.Type) string { return join(t.String()) }

// join returns the words of a type as one. Of the path of a package, the last part is
// a word.
func join(name string) string {
	name = arguments.Replace(local.ReplaceAllString(directories.ReplaceAllString(name, ""), ""))
	var joined strings.Builder
	for _, word := range words.FindAllString(name, -1) {
		joined.WriteString(title(word))
	}
	return joined.String()
}

// Parts of the name of a generic type.
//
//nolint:gochecknoglobals // constants
var (
	qualifier   = regexp.MustCompile(`[^\[\],*\s]*\.`)
	directories = regexp.MustCompile(`[^\[\],*\s]*/`)
	local       = regexp.MustCompile(`·\d+`) // what reflect adds to types that functions declare
	words       = regexp.MustCompile(`[\pL\p{Nd}_]+`)
	arguments   = strings.NewReplacer("[]", " list ", "map[", " map ", "[", " ", "]", " ", "interface {}", "any")
)

func title(word string) string {
	first, size := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(first)) + word[size:]
}
