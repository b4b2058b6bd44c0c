package schema

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// Structs to embed: their names, tags and depths conflict with one another.
type (
	A1 struct{ X, Y int }
	A2 struct{ X, Z int }
	A3 struct {
		X int `json:"Y"`
		W int `json:"w,omitempty"`
	}
	B1 struct{ A1 }
	B2 struct {
		*A1
		V string
	}
	B3 struct {
		A2
		X int `json:"-"`
	}
	C1 struct {
		B1
		B2
	}
	C2 struct {
		B1
		A1
	}
	hidden struct{ X, H int }
	D1     struct{ hidden }
	D2     struct {
		*hidden `json:"hidden"`
		Word
	}
	Word string
)

var embeddable = []reflect.Type{
	reflect.TypeFor[A1](), reflect.TypeFor[A2](), reflect.TypeFor[A3](), reflect.TypeFor[B1](), reflect.TypeFor[B2](),
	reflect.TypeFor[B3](), reflect.TypeFor[C1](), reflect.TypeFor[C2](), reflect.TypeFor[D1](), reflect.TypeFor[D2](),
	reflect.TypeFor[Word](), reflect.TypeFor[*A1](), reflect.TypeFor[*B3](), reflect.TypeFor[*C2](),
}

var tags = []reflect.StructTag{
	"", `json:"X"`, `json:"Y"`, `json:"X,string"`, `json:",omitzero"`, `json:"-"`, `json:"-,"`, `json:"a\\b"`, `json:"Z,omitempty"`, `json:"ü ,string"`,
}

// randomStruct returns a struct with random fields, whose values fill sets.
func randomStruct(random *rand.Rand) reflect.Type {
	var fields []reflect.StructField
	for _, i := range random.Perm(len(embeddable))[:random.IntN(5)] {
		t := embeddable[i]
		name := t.Name()
		if t.Kind() == reflect.Pointer {
			name = t.Elem().Name()
		}
		if !slices.ContainsFunc(fields, func(f reflect.StructField) bool { return f.Name == name }) {
			fields = append(fields, reflect.StructField{Name: name, Type: t, Anonymous: true, Tag: tags[random.IntN(len(tags))]})
		}
	}
	for _, name := range []string{"X", "Y", "Z", "Other"}[random.IntN(5):] {
		fields = append(fields, reflect.StructField{Name: name, Type: reflect.TypeFor[int](), Tag: tags[random.IntN(len(tags))]})
	}
	return reflect.StructOf(fields)
}

// The fields of a struct are those that encoding/json writes, whatever is embedded
// and whatever the tags are.
func FuzzFieldsAreThoseOfEncodingJSON(f *testing.F) {
	for seed := range uint64(2000) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		typ := randomStruct(rand.New(rand.NewPCG(seed, 0)))
		full, empty := reflect.New(typ).Elem(), reflect.New(typ).Elem()
		fill(full)

		all, few := members(t, full), members(t, empty)

		names, required := map[string]bool{}, map[string]bool{}
		for _, field := range fieldsOf(typ) {
			names[field.name] = true
			if !field.maybe && !field.omitZero && (!field.omitEmpty || !canBeEmpty(field.typ)) {
				required[field.name] = true
			}
		}
		if !maps.Equal(names, all) || !maps.Equal(required, few) {
			t.Errorf("%s\ngot %v, of which required are %v\nwant %v and %v", typ, names, required, all, few)
		}
	})
}

// fill sets everything that is not zero then.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Int:
		v.SetInt(1)
	case reflect.String:
		v.SetString("word")
	case reflect.Pointer:
		if v.CanSet() {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	default:
	}
}

// members returns the names that encoding/json writes.
func members(t *testing.T, v reflect.Value) map[string]bool {
	t.Helper()
	text, err := json.Marshal(v.Interface())
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for name := range object {
		names[name] = true
	}
	return names
}
