package publication

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/event"
)

const full = `{"target":{"users":["1","2"],"tags":["T"],"shared":true,"except":["3"]},"event":{"module":"Tasks","command":"update",` +
	`"params":{"a":[1,null]},"perUser":{"1":{"b":2}},"extra":{"c":3},"key":"k","ttl":60,"keep":"last","secret":true,` +
	`"push":{"title":"t","body":"b","url":"/u","icon":"/i","image":"/m","badge":-1,"tag":"g","topic":"o","urgency":"high","ttl":5,` +
	`"immediately":true,"important":true,"silent":true}}}`

// FuzzParse parses what anyone may send. An error names a line that exists, and what is
// accepted passes the checks of events, reads the same when its JSON is written in
// another way, and stays accepted as a line of several.
func FuzzParse(f *testing.F) {
	for _, body := range []string{
		full, full + "\n" + full, full + "\r\n" + full + "\n", full + "\n\n", "", "[]", "null", `"`, `{}`, `{"target":{}}`,
		`{"target":{"users":["\ud800"]},"event":{"module":"a","command":"\u2028"}}`, `{"target":{"shared":true},"event":{"module":"a","push":{"title":""}}}`,
		`{"target":{"shared":true},"event":{"module":"a","command":"b","ttl":1e3}}`, `{"target":{"shared":true},"event":{"module":"a","command":"b"},"event":{}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		lines, err := ParseLines(body)
		var wrong *Error
		switch {
		case errors.As(err, &wrong):
			if n := strings.Count(string(body), "\n") + 1; wrong.Line < 1 || wrong.Line > n || wrong.Reason == "" {
				t.Errorf("got %+v of %d lines", wrong, n)
			}
		case err != nil && !errors.Is(err, ErrTooMany):
			t.Errorf("got %v, want an Error", err)
		}
		for i := range lines {
			l := lines[i]
			if err := event.CheckTarget(&l.Target); err != nil || event.IsNobody(&l.Target) {
				t.Errorf("accepted target %+v: %v", l.Target, err)
			}
			if err := event.Check(&l.Event); err != nil || !reflect.DeepEqual(l.Event, lines[i].Event) {
				t.Errorf("accepted event %+v: %v", l.Event, err)
			}
		}
		one, err := ParseLine(body)
		if err != nil {
			return
		}
		var object map[string]any
		if err := json.Unmarshal(body, &object); err != nil {
			t.Fatalf("accepted what is no object: %v", err)
		}
		compact, _ := json.Marshal(json.RawMessage(body))
		again, err := ParseLines(append(append(compact, '\n'), compact...))
		if err != nil || len(again) != 2 || !reflect.DeepEqual(again[0].Target, one[0].Target) || again[1].Event.Command != one[0].Event.Command {
			t.Errorf("got %+v (%v) from %s, and %+v", again, err, compact, one)
		}
	})
}

func TestEveryFieldIsRead(t *testing.T) {
	lines, err := ParseLine([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	e, p := lines[0].Event, lines[0].Event.Push

	if want := event.User("1", "2").Or(event.Tag("T")).Or(event.Shared()).Except("3"); !reflect.DeepEqual(lines[0].Target, want) {
		t.Errorf("got target %+v, want %+v", lines[0].Target, want)
	}
	if e.Module != "tasks" || e.Command != "update" || e.Key != "k" || e.TTL != time.Minute || e.Keep != event.Last || !e.Secret || p.TTL != 5*time.Second {
		t.Errorf("got %+v", e)
	}
	for _, v := range []reflect.Value{reflect.ValueOf(e), reflect.ValueOf(*p)} {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && f.Name != "ExceptSender" && v.Field(i).IsZero() {
				t.Errorf("%s.%s has no field in the JSON", v.Type().Name(), f.Name)
			}
		}
	}
}

// A body with very many members is read in a time that grows with its size alone.
func BenchmarkManyMembers(b *testing.B) {
	var body strings.Builder
	body.WriteString(`{"target":{"users":["1"]},"event":{"module":"a","command":"b","extra":{"x":0`)
	for i := range 100_000 {
		fmt.Fprintf(&body, `,"%x":0`, i)
	}
	text := []byte(body.String() + "}}}")
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ParseLine(text); err != nil {
			b.Fatal(err)
		}
	}
}
