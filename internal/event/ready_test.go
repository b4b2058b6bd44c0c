package event

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestReadyJSONIsSentAsItIs(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, `{"a":1}`, `{ "a" : [ 1 , -2.5e+7 , 0.1E3,	true,false , null ] , "b":{} }`,
		`["<script>&\u2028\ud83d \"\\\/\b\f\n\r\t", "Füße 😀"]`, strings.Repeat("[", deepest) + strings.Repeat("]", deepest),
	} {
		if !isReady([]byte(text)) {
			t.Errorf("%s is not ready, want it to be", text)
		}
	}
}

func TestWhatIsNotReadyIsLeftToEncodingJSON(t *testing.T) {
	for _, text := range []string{
		"", " ", "null", `"a"`, "7", " {}", "{} ", "{\n}", "[1,\r2]", "[1\n]", "[\v]", "{", "[", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, "[1,]", "[,]",
		`{1:2}`, `{"a" 1}`, `{"a":}`, "[01]", "[-]", "[1.]", "[.5]", "[1e]", "[+1]", "[1 2]", "[tru]", "[nul", `["a]`, `["\x"]`, `["\u12"]`, `["\u12g4"]`, `["\`, `["\u`,
		"[\"\x01\"]", "[\"\n\"]", "[\"\xff\"]", "[]]", "{}{}", "[}", "[\x00]", "[]\x00", strings.Repeat("[", deepest+1) + strings.Repeat("]", deepest+1),
	} {
		if isReady([]byte(text)) {
			t.Errorf("%q is ready, want it to be left to encoding/json", text)
		}
	}
}

// FuzzReadyJSON compares the params of an event, given as JSON, with what
// encoding/json makes of them: both fail, or both mean the same.
func FuzzReadyJSON(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,-2.5e+7,true,null,"\u00e9\\\"<"]}`, "[\"\xff\"]", "{\n}", "[01]", `{"a":1,}`, `["\ud800"]`, "null", " [] ", "[\"\u2028\"]", `{"a":1,"a":2}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ready := isReady(text)
		if ready && !json.Valid(text) {
			t.Fatalf("%q is ready, but not JSON", text)
		}
		if strings.ContainsAny(string(text), "\r\n") && ready {
			t.Fatalf("%q is ready, but has line breaks", text)
		}
		got, err := newEncoder().encodeParams(&Event{Module: "m", Command: "c", Params: json.RawMessage(text)})
		want, plain := json.Marshal(json.RawMessage(text))
		if ready && plain != nil {
			t.Fatalf("%q is ready, and encoding/json returns %v", text, plain)
		}
		if err != nil {
			return
		}
		if string(want) == "null" {
			want = []byte("{}")
		}
		if !reflect.DeepEqual(meaning(t, got), meaning(t, want)) {
			t.Fatalf("got %q for %q, encoding/json has %q", got, text, want)
		}
	})
}

func meaning(t *testing.T, text []byte) (value any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return value
}

// BenchmarkParams measures Encode for params of about 200 B, as a struct, as JSON, and
// as a map.
func BenchmarkParams(b *testing.B) {
	type note struct {
		ID, Title string
		Done      bool
		People    []string
	}
	n := note{"4711", strings.Repeat("Write it down. ", 9), true, []string{"Anna", "Boris", "Carla"}}
	text, err := json.Marshal(n)
	if err != nil {
		b.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		params any
	}{{"struct", n}, {"JSON", json.RawMessage(text)}, {"map", map[string]any{"ID": n.ID, "Title": n.Title, "Done": n.Done, "People": n.People}}} {
		b.Run(row.name, func(b *testing.B) {
			t, e := User("42"), Event{Module: "tasks", Command: "update", Params: row.params}
			b.ReportAllocs()
			for b.Loop() {
				if err := Encode(&t, &e, "", 1<<20, func([]byte) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
