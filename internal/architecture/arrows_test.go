package architecture

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// arrows maps each package to its imports. Our packages are named by their
// directories, the root package "pull"; other modules by their paths.
type arrows map[string][]string

// parseArrows reads the block of a document that is marked "arrows". A line has
// a package, an arrow, and what the package imports:
//
//	internal/event -> envelope, protocol
//	internal/rate  ->
//
// A name may be short: the last part of another module's path, or a package in
// internal/ without that prefix.
func parseArrows(document string) (arrows, error) {
	_, block, found := strings.Cut(document, "\n```arrows\n")
	block, _, closed := strings.Cut(block, "\n```\n")
	if !found || !closed {
		return nil, errors.New("no block of arrows")
	}
	a := arrows{}
	for line := range strings.Lines(block) {
		from, list, found := strings.Cut(line, "->")
		from = strings.TrimSpace(from)
		if !found || from == "" {
			return nil, fmt.Errorf("not an arrow: %s", line)
		}
		if _, twice := a[from]; twice {
			return nil, fmt.Errorf("two lines for %s", from)
		}
		a[from] = strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	}
	return a, nil
}

// String returns the arrows as lines for the document.
func (a arrows) String() string {
	width := 0
	for from := range a {
		width = max(width, len(from))
	}
	var b strings.Builder
	for _, from := range slices.Sorted(maps.Keys(a)) {
		var to []string
		for _, name := range a[from] {
			to = append(to, short(name))
		}
		line := fmt.Sprintf("%-*s -> %s", width, from, strings.Join(to, ", "))
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// short returns the shortest name for an import.
func short(to string) string {
	parts := strings.Split(strings.TrimPrefix(to, "internal/"), "/")
	if last := len(parts) - 1; last > 1 && nested.MatchString(parts[last]) {
		return path.Join(parts[last-1], parts[last])
	}
	if strings.Contains(parts[0], ".") {
		return parts[len(parts)-1]
	}
	return path.Join(parts...)
}

// compare returns how the documented arrows differ from the real ones.
func compare(documented, actual arrows) []string {
	var mistakes []string
	for _, from := range slices.Sorted(maps.Keys(actual)) {
		names, found := documented[from]
		if !found {
			mistakes = append(mistakes, from+" is missing from the document")
		}
		for _, to := range actual[from] {
			i := slices.IndexFunc(names, func(name string) bool { return means(name, to) })
			if i < 0 {
				mistakes = append(mistakes, fmt.Sprintf("%s imports %s, which the document does not allow", from, to))
				continue
			}
			names = slices.Concat(names[:i], names[i+1:])
		}
		for _, name := range names {
			mistakes = append(mistakes, fmt.Sprintf("%s does not import %s, as the document says", from, name))
		}
	}
	for _, from := range slices.Sorted(maps.Keys(documented)) {
		if _, found := actual[from]; !found {
			mistakes = append(mistakes, from+" is in the document, but is no package")
		}
	}
	return mistakes
}

// means reports whether a name of the document is that of an import.
func means(name, to string) bool {
	if strings.Contains(path.Dir(to), ".") { // another module
		return to == name || strings.HasSuffix(to, "/"+name)
	}
	return to == name || to == "internal/"+name
}
