package schema

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// A field is a field of a struct, or of a struct embedded in it, that encoding/json
// writes.
type field struct {
	name      string
	goName    string
	typ       reflect.Type
	index     []int
	tagged    bool
	omitEmpty bool
	omitZero  bool
	quoted    bool
	maybe     bool // it is reached through a pointer that may be nil
}

// A level is a struct whose fields are collected, itself or an embedded one.
type level struct {
	typ   reflect.Type
	index []int
	maybe bool
}

// fieldsOf returns the fields of a struct as encoding/json writes them. Of several
// with one name, the least deeply embedded wins, then one with a tag; otherwise none
// is written.
func fieldsOf(t reflect.Type) []field {
	var all []field
	seen, next := map[reflect.Type]bool{}, []level{{typ: t}}
	for len(next) > 0 {
		count := map[reflect.Type]int{}
		for _, l := range next {
			count[l.typ]++
		}
		current := next
		next = nil
		for _, l := range current {
			if seen[l.typ] {
				continue
			}
			seen[l.typ] = true
			own, embedded := l.fields()
			for range min(count[l.typ], 2) { // a struct that is embedded twice hides its own fields
				all = append(all, own...)
			}
			next = append(next, embedded...)
		}
	}
	return dominant(all)
}

// fields returns the fields at a level, and the levels below it.
func (l level) fields() (own []field, embedded []level) {
	for i := range l.typ.NumField() {
		sf := l.typ.Field(i)
		if !isWritten(sf) {
			continue
		}
		name, options := tagOf(sf)
		at := level{sf.Type, append(slices.Clone(l.index), i), l.maybe}
		if at.typ.Name() == "" && at.typ.Kind() == reflect.Pointer {
			at.typ, at.maybe = at.typ.Elem(), true
		}
		if name == "" && sf.Anonymous && at.typ.Kind() == reflect.Struct {
			embedded = append(embedded, at)
			continue
		}
		own = append(own, field{
			name: cmp.Or(name, sf.Name), goName: sf.Name, typ: sf.Type, index: at.index, tagged: name != "", maybe: l.maybe,
			omitEmpty: has(options, "omitempty"), omitZero: has(options, "omitzero"), quoted: has(options, "string") && isScalar(at.typ),
		})
	}
	return own, embedded
}

// tagOf returns the name and the options in the tag of a field.
func tagOf(sf reflect.StructField) (name, options string) {
	name, options, _ = strings.Cut(sf.Tag.Get("json"), ",")
	if !isTagName(name) {
		name = ""
	}
	return name, options
}

// isWritten reports whether encoding/json sees a field: exported ones, and the
// exported fields of embedded structs, unless the tag is "-".
func isWritten(sf reflect.StructField) bool {
	if sf.Tag.Get("json") == "-" {
		return false
	}
	if !sf.Anonymous || sf.IsExported() {
		return sf.IsExported()
	}
	t := sf.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

// isTagName reports whether encoding/json takes a name from a tag.
func isTagName(name string) bool {
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return name != ""
}

func has(options, option string) bool {
	return slices.Contains(strings.Split(options, ","), option)
}

// isScalar reports whether the option string applies to a type.
func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.Func, reflect.Interface, reflect.Map,
		reflect.Pointer, reflect.Slice, reflect.Struct, reflect.UnsafePointer, reflect.Invalid:
		return false
	default:
		return true
	}
}

// dominant returns the fields that win, in the order of the struct.
func dominant(all []field) []field {
	slices.SortStableFunc(all, func(a, b field) int {
		return cmp.Or(
			strings.Compare(a.name, b.name),
			cmp.Compare(len(a.index), len(b.index)),
			taggedFirst(a, b),
			slices.Compare(a.index, b.index))
	})
	var winners []field
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].name == all[0].name {
			n++
		}
		if n == 1 || len(all[0].index) != len(all[1].index) || all[0].tagged != all[1].tagged {
			winners = append(winners, all[0])
		}
		all = all[n:]
	}
	slices.SortFunc(winners, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return winners
}

func taggedFirst(a, b field) int {
	switch {
	case a.tagged == b.tagged:
		return 0
	case a.tagged:
		return -1
	}
	return 1
}
