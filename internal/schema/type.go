// Package schema describes the JSON that encoding/json makes of a Go type, in
// TypeScript and in JSON Schema. It reads types by reflection and needs no source.
package schema

import (
	"encoding/json"
	"reflect"
)

// A Kind is what a JSON value is.
type Kind int

// The kinds of JSON values.
const (
	Unknown   Kind = iota // any JSON value
	Boolean               // true or false
	Number                // a number
	Integer               // a number without a fraction
	String                // a string
	Array                 // an array of Elem, of Length elements if that is not negative
	Map                   // an object with Elem under any name
	Object                // an object with Fields
	Literals              // one of Values
	Reference             // what Ref is
)

// A Type is what a JSON value may be.
type Type struct {
	Kind   Kind
	Null   bool // or it is null
	Empty  bool // or it is an empty object
	Format string
	Note   string // what a reader should know of the values
	Length int
	Elem   *Type
	Fields []Field
	Values []json.RawMessage
	Ref    *Named
}

// The formats of strings.
const (
	DateTime = "date-time"
	Base64   = "base64"
)

// A Field is a member of an object.
type Field struct {
	Name     string
	Optional bool // it may be missing
	Type     Type
}

// A Named is a type with a name, which others refer to.
type Named struct {
	Name string
	Type Type

	goType reflect.Type
}

// note returns what a reader should know of the values, unless it is said of a
// named type.
func (t Type) note() string {
	switch {
	case t.Note != "":
		return t.Note
	case t.Elem != nil:
		return t.Elem.note()
	}
	return ""
}
