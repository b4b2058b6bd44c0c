package schema

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

// A Set is the types that have been read, and what was declared of some of them.
// It must not be used by several goroutines at a time.
type Set struct {
	values map[reflect.Type][]json.RawMessage // what OneOf declared
	as     map[reflect.Type]reflect.Type      // what EncodedAs declared
	named  map[reflect.Type]*Named
	order  []*Named
	open   map[reflect.Type]bool // types without a name in the output that are being read
}

// NewSet returns an empty set.
func NewSet() *Set {
	return &Set{
		values: map[reflect.Type][]json.RawMessage{}, as: map[reflect.Type]reflect.Type{},
		named: map[reflect.Type]*Named{}, open: map[reflect.Type]bool{},
	}
}

// OneOf declares that a type has only these values.
func (s *Set) OneOf(t reflect.Type, values []any) error {
	if t.PkgPath() == "" || t.Kind() == reflect.Interface {
		return fmt.Errorf("OneOf: %s is not a type of its own", t)
	}
	if len(values) == 0 {
		return fmt.Errorf("OneOf: no values of %s", t)
	}
	if s.isDeclared(t) {
		return fmt.Errorf("OneOf: %s is declared twice", t)
	}
	for _, value := range values {
		behind := reflect.New(t) // as its pointer may have the method that encodes it
		behind.Elem().Set(reflect.ValueOf(value))
		text, err := encode(behind.Interface())
		if err != nil {
			return fmt.Errorf("OneOf: %s: %w", t, err)
		}
		if bytes.ContainsAny(text[:1], "[{n") {
			return fmt.Errorf("OneOf: %s is encoded as %s, want a string, a number or a boolean", t, text)
		}
		if !slices.ContainsFunc(s.values[t], func(known json.RawMessage) bool { return bytes.Equal(known, text) }) {
			s.values[t] = append(s.values[t], text)
		}
	}
	return nil
}

// EncodedAs declares that encoding/json writes the values of a type as those of
// another one.
func (s *Set) EncodedAs(t, as reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s.isDeclared(t) {
		return fmt.Errorf("EncodedAs: %s is declared twice", t)
	}
	switch {
	case t.Kind() == reflect.Interface && t.PkgPath() == "":
		return fmt.Errorf("EncodedAs: %s is not a type of its own", t)
	case t.Kind() != reflect.Interface && !isMarshaler(t) && !isMarshaler(reflect.PointerTo(t)):
		return fmt.Errorf("EncodedAs: %s has no method MarshalJSON", t)
	}
	s.as[t] = as
	return nil
}

func (s *Set) isDeclared(t reflect.Type) bool { return s.as[t] != nil || s.values[t] != nil }

// Params reads the type of the params of an event. Instead of null, an event has an
// empty object.
func (s *Set) Params(t reflect.Type) (Type, error) {
	typ, err := s.read(t, place{path: t.String()})
	if err != nil {
		return typ, err
	}
	if typ.Null {
		typ.Null = false
		typ.Empty = typ.Kind != Map && (typ.Kind != Reference || typ.Ref.Type.Kind != Map)
	}
	return typ, nil
}

// A place is where a type was found.
type place struct {
	path   string // for errors
	behind bool   // behind a pointer: encoding/json calls methods with a pointer receiver
}

// read reads a type.
func (s *Set) read(t reflect.Type, at place) (Type, error) {
	own, isSpecial := special[t]
	pointer := reflect.PointerTo(t)
	switch {
	case s.isDeclared(t):
		if t.Kind() != reflect.Interface && !at.behind && hidesMethod(t) {
			return Type{}, pointerReceiver(t, at.path)
		}
		return s.declared(t, at)
	case isSpecial:
		return own, nil
	case t.Kind() == reflect.Interface:
		return Type{}, nil
	case t.Kind() == reflect.Pointer: // its methods are also those of what it points to
		return s.pointer(t, at)
	case !at.behind && hidesMethod(t):
		return Type{}, pointerReceiver(t, at.path)
	case isMarshaler(t) || isMarshaler(pointer):
		return Type{}, fmt.Errorf("%s: %s has a method MarshalJSON: declare what it returns with EncodedAs or OneOf", at.path, t)
	case isTextMarshaler(t) || isTextMarshaler(pointer):
		return Type{Kind: String}, nil
	case isScalar(t):
		return scalar(t), nil
	}
	return s.composite(t, at)
}

// hidesMethod reports whether only the pointer to a type has a method that decides
// how it is encoded.
func hidesMethod(t reflect.Type) bool {
	pointer := reflect.PointerTo(t)
	return isMarshaler(pointer) && !isMarshaler(t) || isTextMarshaler(pointer) && !isTextMarshaler(t) && !isMarshaler(t)
}

func pointerReceiver(t reflect.Type, path string) error {
	return fmt.Errorf("%s: encoding/json ignores the pointer methods of a %s that is not behind a pointer: use *%[2]s", path, t)
}

// declared returns what was declared of a type.
func (s *Set) declared(t reflect.Type, at place) (Type, error) {
	if values := s.values[t]; values != nil {
		return s.reference(t, func(n *Named) error {
			n.Type = Type{Kind: Literals, Values: values}
			return nil
		})
	}
	typ, err := s.inline(t, s.as[t], place{path: at.path})
	typ.Null = typ.Null || t.Kind() == reflect.Interface
	return typ, err
}

func (s *Set) pointer(t reflect.Type, at place) (Type, error) {
	typ, err := s.inline(t, t.Elem(), place{at.path, true})
	typ.Null = true
	return typ, err
}

// inline reads the type that stands for another one.
func (s *Set) inline(t, as reflect.Type, at place) (Type, error) {
	if s.open[t] {
		return Type{}, fmt.Errorf("%s: %s refers to itself", at.path, t)
	}
	s.open[t] = true
	defer delete(s.open, t)
	return s.read(as, at)
}

// reference returns a reference to a type that gets a name in the output. fill is
// called once for each type.
func (s *Set) reference(t reflect.Type, fill func(*Named) error) (Type, error) {
	n := s.named[t]
	if n != nil {
		return Type{Kind: Reference, Ref: n}, nil
	}
	n = &Named{goType: t}
	s.named[t] = n
	s.order = append(s.order, n)
	open := s.open
	s.open = map[reflect.Type]bool{} // what has a name may refer to itself
	defer func() { s.open = open }()
	return Type{Kind: Reference, Ref: n}, fill(n)
}

// composite reads a type that consists of others.
func (s *Set) composite(t reflect.Type, at place) (Type, error) {
	if t.Kind() == reflect.Slice && isBytes(t.Elem()) {
		return Type{Kind: String, Format: Base64, Null: true}, nil
	}
	read := s.parts(t)
	if read == nil {
		return Type{}, fmt.Errorf("%s: encoding/json cannot encode %s", at.path, t)
	}
	var typ Type
	var err error
	if t.Name() == "" {
		typ, err = read(at.path)
	} else {
		typ, err = s.reference(t, func(n *Named) error {
			var err error
			n.Type, err = read(t.String())
			return err
		})
	}
	typ.Null = t.Kind() == reflect.Slice || t.Kind() == reflect.Map
	return typ, err
}

// parts returns what reads the parts of a type, or nil if it cannot be encoded.
func (s *Set) parts(t reflect.Type) func(path string) (Type, error) {
	switch t.Kind() {
	case reflect.Struct:
		return func(path string) (Type, error) { return s.object(t, path) }
	case reflect.Slice:
		return func(path string) (Type, error) { return s.list(t, -1, place{path, true}) }
	case reflect.Array:
		return func(path string) (Type, error) { return s.list(t, t.Len(), place{path: path}) }
	case reflect.Map:
		if isKey(t.Key()) {
			return func(path string) (Type, error) { return s.mapping(t, path) }
		}
	default:
	}
	return nil
}

func (s *Set) list(t reflect.Type, length int, at place) (Type, error) {
	elem, err := s.read(t.Elem(), place{at.path + "[]", at.behind})
	return Type{Kind: Array, Elem: &elem, Length: length}, err
}

func (s *Set) mapping(t reflect.Type, path string) (Type, error) {
	elem, err := s.read(t.Elem(), place{path: path + "[]"})
	return Type{Kind: Map, Elem: &elem}, err
}

func (s *Set) object(t reflect.Type, path string) (Type, error) {
	typ := Type{Kind: Object}
	for _, f := range fieldsOf(t) {
		member, err := s.member(f, path+"."+f.goName)
		if err != nil {
			return Type{}, err
		}
		typ.Fields = append(typ.Fields, member)
	}
	return typ, nil
}

// encode returns a value as events are encoded.
func encode(value any) (json.RawMessage, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(text.Bytes()), nil
}

func isMarshaler(t reflect.Type) bool { return t.Implements(reflect.TypeFor[json.Marshaler]()) }
func isTextMarshaler(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// isBytes reports whether a slice of these is encoded in base64.
func isBytes(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() == reflect.Uint8 && !isMarshaler(p) && !isTextMarshaler(p)
}

// isKey reports whether encoding/json can make the name of a member of it.
func isKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Float32, reflect.Float64:
		return isTextMarshaler(t)
	default:
		return isScalar(t) || isTextMarshaler(t)
	}
}
