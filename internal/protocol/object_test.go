package protocol_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/protocol"
)

func TestWhatAUserGetsIsMergedOverTheParams(t *testing.T) {
	for _, row := range []struct{ params, own, want string }{
		{`{}`, `{}`, `{}`},
		{`{}`, `{"a":1}`, `{"a":1}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
		{`{"a":1}`, `{"b":[2]}`, `{"a":1,"b":[2]}`},
		{`{"a":{"x":1},"b":"}","c":-2.5e7}`, `{"a":{"y":2}}`, `{"b":"}","c":-2.5e7,"a":{"y":2}}`},
		{`{"a":1}`, `{"a":null}`, `{"a":null}`},
		{`{ "a" : [ 1 , 2 ] , "b" : true }`, `{ "b":false }`, `{"a" : [ 1 , 2 ], "b":false }`},
		{`{"\u0061":1,"é\"":2}`, `{"a":3,"\u00e9\"":4}`, `{"a":3,"\u00e9\"":4}`},
	} {
		body := protocol.AppendBody(nil, "tasks", "update", []byte(row.params))
		want := protocol.AppendBody(nil, "tasks", "update", []byte(row.want))
		if got := protocol.AppendMerged(nil, body, []byte(row.own)); string(got) != string(want) {
			t.Errorf("got %s of %s and %s, want %s", got, row.params, row.own, want)
		}
	}
}

func TestWhatIsNoObjectIsNotMerged(t *testing.T) {
	body := protocol.AppendBody(nil, "tasks", "update", []byte(`{"a":1}`))
	for _, own := range []string{``, `{`, `}`, `[]`, `null`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{"a":1 "b":2}`, `{"a":[}`, `{"a}`} {
		if got := protocol.AppendMerged(nil, body, []byte(own)); !bytes.Equal(got, body) {
			t.Errorf("got %s of %q, want %s", got, own, body)
		}
	}
	array := protocol.AppendBody(nil, "tasks", "update", []byte(`[1]`))
	if got := protocol.AppendMerged(nil, array, []byte(`{"a":1}`)); !bytes.Equal(got, array) {
		t.Errorf("got %s, want %s", got, array)
	}
}

// FuzzMerge compares the merged params with what encoding/json makes of both.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":"}\\\""}}`), []byte(`{"b":[1,{"x":","}],"\u0061":null}`))
	f.Add([]byte(`{ "a" : "\u2028" }`), []byte(`{}`))
	f.Add([]byte(`[1]`), []byte(`{"a":1}`))
	f.Add([]byte(`{"a":1`), []byte(`{"a":1}`))
	f.Add([]byte(`{"a":1,"a":2}`), []byte(`{"b":1}`))
	f.Fuzz(func(t *testing.T, params, own []byte) {
		body := protocol.AppendBody([]byte("before"), "tasks", "update", params)[len("before"):]
		before := bytes.Clone(body)
		got := protocol.AppendMerged(nil, body, own)
		if !bytes.Equal(body, before) {
			t.Fatalf("the body is %q now, want %q", body, before)
		}
		if !isObject(params) || !isObject(own) {
			return
		}
		parts, ok := protocol.SplitBody(got)
		merged := parts.Params
		if err := protocol.CheckObject(merged); !ok || err != nil {
			t.Fatalf("got %s of %s and %s: %v", merged, params, own, err)
		}
		want := valuesOf(t, params)
		maps.Copy(want, valuesOf(t, own))
		if values := valuesOf(t, merged); !reflect.DeepEqual(values, want) {
			t.Errorf("got %s of %s and %s, want %v", merged, params, own, want)
		}
		if len(got) > len(body)+len(own) {
			t.Errorf("%d bytes of %d and %d", len(got), len(body), len(own))
		}
	})
}

// isObject reports whether the text is one that an application can send: on one line, and
// without space around it.
func isObject(text []byte) bool {
	return json.Valid(text) && protocol.CheckObject(text) == nil && !bytes.ContainsAny(text, "\r\n") && len(bytes.TrimSpace(text)) == len(text)
}

func valuesOf(t *testing.T, text []byte) (values map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return values
}
