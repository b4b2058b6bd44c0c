package schema

import (
	"encoding/json"
	"reflect"
	"slices"
)

// member reads a field of a struct.
func (s *Set) member(f field, path string) (Field, error) {
	typ, err := s.read(f.typ, place{path: path})
	if err != nil {
		return Field{}, err
	}
	omitted := f.omitEmpty && canBeEmpty(f.typ)
	if omitted || f.omitZero {
		if typ, err = s.notNil(f.typ, typ, path, omitted); err != nil {
			return Field{}, err
		}
	}
	if f.quoted && !encodesItself(f.typ) {
		typ = quoted(typ)
	}
	return Field{Name: f.name, Optional: omitted || f.omitZero || f.maybe, Type: typ}, nil
}

// canBeEmpty reports whether omitempty ever leaves out a value of the type.
func canBeEmpty(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		return false
	case reflect.Array:
		return t.Len() == 0
	default:
		return true
	}
}

// notNil returns the type of values that are not nil, as nil is omitted. empty is
// whether omitempty omits it; otherwise omitzero does, unless a method IsZero decides.
func (s *Set) notNil(t reflect.Type, typ Type, path string, empty bool) (Type, error) {
	_, declared := s.as[t]
	switch {
	case t.Kind() == reflect.Pointer:
		return s.inline(t, t.Elem(), place{path, true})
	case declared:
		return typ, nil // null may come from its method
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
		typ.Null = typ.Null && !empty && decidesZero(t)
	}
	return typ, nil
}

// decidesZero reports whether a type has a method that tells what omitzero omits.
func decidesZero(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ IsZero() bool }]())
}

// encodesItself reports whether a method encodes a type, or what it points to. Then
// the option string has no effect.
func encodesItself(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = reflect.PointerTo(t.Elem())
	}
	return isMarshaler(t) || isTextMarshaler(t)
}

// quoted returns the type of a scalar that is written into a string.
func quoted(typ Type) Type {
	values := typ.Values
	if typ.Kind == Reference {
		values = typ.Ref.Type.Values
	}
	if values == nil {
		return Type{Kind: String, Null: typ.Null}
	}
	values = slices.Clone(values)
	for i, value := range values {
		values[i] = json.RawMessage(Quote(string(value)))
	}
	return Type{Kind: Literals, Values: values, Null: typ.Null}
}
