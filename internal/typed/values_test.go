package typed_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/typed"
	"github.com/echo-pull/pull/internal/typedtest"
)

// A document is a part of an AsyncAPI document.
type document map[string]any

// asyncAPI returns what WriteAsyncAPI writes of the events.
func asyncAPI(t testing.TB, events ...typed.Typed) document {
	t.Helper()
	var text bytes.Buffer
	if err := typed.WriteAsyncAPI(&text, typed.APIInfo{URL: "https://example.com/pull"}, events...); err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(text.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at returns a part of a document.
func (d document) at(path ...string) map[string]any {
	part := map[string]any(d)
	for _, name := range path {
		part, _ = part[name].(map[string]any)
	}
	return part
}

// params returns the schema of the params of an event.
func (d document) params(event string) map[string]any {
	items, _ := d.at("channels", "events", "messages", event, "payload")["items"].([]any)
	return items[3].(map[string]any)
}

// reject returns why a value does not fit a schema, or "". It knows no more of JSON
// Schema than WriteAsyncAPI uses, and an object may have no members but those of its
// schema.
func (d document) reject(s map[string]any, v any) string {
	if ref, ok := s["$ref"].(string); ok {
		return d.reject(d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...), v)
	}
	if choices, ok := s["anyOf"].([]any); ok {
		var reasons []string
		for _, one := range choices {
			reason := d.reject(one.(map[string]any), v)
			if reason == "" {
				return ""
			}
			reasons = append(reasons, reason)
		}
		return strings.Join(reasons, ", or ")
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		return fmt.Sprintf("%v is none of %v", v, enum)
	}
	if want, ok := s["type"].(string); ok && !is(want, v) {
		return fmt.Sprintf("%v is no %s", v, want)
	}
	switch v := v.(type) {
	case []any:
		return d.rejectArray(s, v)
	case map[string]any:
		return d.rejectObject(s, v)
	}
	return ""
}

func is(kind string, v any) bool {
	switch v := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == math.Trunc(v)
	case []any:
		return kind == "array"
	default:
		return kind == "object"
	}
}

func (d document) rejectArray(s map[string]any, v []any) string {
	if least, ok := s["minItems"].(float64); ok && (len(v) < int(least) || len(v) > int(s["maxItems"].(float64))) {
		return fmt.Sprintf("%v has %d elements", v, len(v))
	}
	items, _ := s["items"].(map[string]any)
	for _, one := range v {
		if reason := d.reject(items, one); reason != "" {
			return "[]: " + reason
		}
	}
	return ""
}

func (d document) rejectObject(s, v map[string]any) string {
	if s["type"] == nil {
		return "" // anything
	}
	if s["maxProperties"] != nil && len(v) > 0 {
		return "it is not empty"
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Sprintf("%s is missing", name)
		}
	}
	properties, _ := s["properties"].(map[string]any)
	rest, isMap := s["additionalProperties"].(map[string]any)
	for name, one := range v {
		member, known := properties[name].(map[string]any)
		if !known && !isMap {
			return name + " is unknown"
		}
		if !known {
			member = rest
		}
		if reason := d.reject(member, one); reason != "" {
			return name + ": " + reason
		}
	}
	return ""
}

// What encoding/json writes is what the schemas describe, for random values of many
// types.
func FuzzValuesFitTheirSchemas(f *testing.F) {
	doc, zoo := asyncAPI(f, typedtest.Events()...), typedtest.Zoo()
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		for _, a := range zoo {
			text, err := a.JSON(random)
			if err != nil {
				t.Fatal(err)
			}
			var value any
			if err := json.Unmarshal(text, &value); err != nil {
				t.Fatal(err)
			}
			if reason := doc.reject(doc.params(a.Name), value); reason != "" {
				t.Errorf("%s does not fit the schema of %s: %s", text, a.Name, reason)
			}
		}
	})
}

// An optional member is missing in some values, and one that can be null is null in
// some: the schemas promise no more than is necessary.
func TestSchemasAreNoWiderThanTheValues(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		event  typed.Typed
		values []string // each must be rejected
	}{
		{typed.Define[typedtest.Task]("zoo", "x"), []string{`{}`, `null`, `[]`, `{"id":1}`}},
		{typed.Define[typedtest.Arrays]("zoo", "x"), []string{`{"Point":[1],"None":[],"Long":[0,0,0,0,0,0,0,0,0],"Grid":[[null,null],[null,null]],"Named":[1,2,3]}`}},
		{typed.Define[*typedtest.Person]("zoo", "x"), []string{`null`, `{"Name":"a"}`}},
		{typed.Define[[]string]("zoo", "x"), []string{`[null]`, `[1]`, `{"a":1}`}},
		{typed.Define[struct {
			A []int `json:",omitempty"`
			B *int  `json:",omitempty"`
			C []int `json:",omitzero"`
		}]("zoo", "x"), []string{`{"A":null}`, `{"B":null}`, `{"C":null}`, `{"D":1}`}},
		{typed.Define[struct {
			A int `json:",string"`
		}]("zoo", "x"), []string{`{"A":1}`, `{"A":null}`}},
	} {
		doc := asyncAPI(t, row.event)
		for _, text := range row.values {
			var value any
			if err := json.Unmarshal([]byte(text), &value); err != nil {
				t.Fatal(err)
			}
			if doc.reject(doc.params("zoo:x"), value) == "" {
				t.Errorf("%s fits the schema of %v, want it rejected", text, reflect.TypeOf(row.event))
			}
		}
	}
}
