package protocol_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/echo-pull/pull/internal/protocol"
)

var at = time.Date(2026, 11, 23, 16, 40, 2, 114_020_999, time.UTC).UnixNano()

func ExampleVersion_AppendEvent() {
	body := protocol.AppendBody(nil, "tasks", "update", []byte(`{"ID":7}`))

	fmt.Printf("%s\n", protocol.V2.AppendEvent(nil, 58, at, body))
	fmt.Printf("%s\n", protocol.V1.AppendEvent(nil, 58, at, body))
	// Output:
	// [58,1795452002114,"tasks:update",{"ID":7}]
	// {"id":58,"module_id":"tasks","command":"update","params":{"ID":7},"extra":{"server_time":"2026-11-23T16:40:02Z","server_time_unix":1795452002.114020}}
}

// An object is an event of version 1.
type object struct {
	ID      uint64          `json:"id"`
	Module  string          `json:"module_id"`
	Command string          `json:"command"`
	Params  json.RawMessage `json:"params"`
	Extra   extra           `json:"extra"`
}

type extra struct {
	Time string      `json:"server_time"`
	Unix json.Number `json:"server_time_unix"`
	Own  any         `json:"own"`
}

// FuzzBothFormsSayTheSame encodes an event and reads both forms with a parser of
// JSON.
func FuzzBothFormsSayTheSame(f *testing.F) {
	f.Add(uint64(58), at, "tasks", "update", `{"ID":7}`, "")
	f.Add(^uint64(0), int64(1<<63-1), "pull", "withdraw", `{"tag":"\",]"}`, `{"a":[1,{"b":"},{\""}]}`)
	f.Add(uint64(1), int64(0), "a.b_c-1", "with:two:colons", `[["],"],{"a":{}}]`, "1")
	f.Add(uint64(2), int64(1), "tasks", "\"Füße\" <a\\>, 100 %", `"a:b\",]"`, "")
	f.Add(uint64(3), int64(999_999), "tasks", ":", `true`, `"x"`)
	f.Fuzz(func(t *testing.T, offset uint64, at int64, module, command, params, own string) {
		if at < 0 || !isModule(module) || !utf8.ValidString(command) || !isValue(params) || own != "" && !isValue(own) {
			t.Skip("no event has these parts")
		}
		body := protocol.AppendBody(nil, module, command, []byte(params))
		if own != "" {
			body = protocol.AppendExtra(body, []byte(`{"own":`+own+`}`))
		}
		array, long := protocol.V2.AppendEvent(nil, offset, at, body), protocol.V1.AppendEvent(nil, offset, at, body)

		var o, want object
		if err := json.Unmarshal(long, &o); err != nil {
			t.Fatalf("version 1: %v in %s", err, long)
		}
		var millis int64
		var name string
		if err := json.Unmarshal(array, &[]any{&want.ID, &millis, &name, &want.Params, &want.Extra}); err != nil {
			t.Fatalf("version 2: %v in %s", err, array)
		}
		want.Module, want.Command, _ = strings.Cut(name, ":")
		want.Extra.Time = time.Unix(0, at).UTC().Format(time.RFC3339)
		want.Extra.Unix = json.Number(fmt.Sprintf("%d.%06d", at/1e9, at/1e3%1e6))
		if !reflect.DeepEqual(o, want) || millis != at/1e6 {
			t.Errorf("version 1 is %s, version 2 is %s", long, array)
		}
		if o.Module != module || o.Command != command || string(o.Params) != params || (own != "") != (o.Extra.Own != nil) {
			t.Errorf("got %s, want module %q, command %q, params %s", long, module, command, params)
		}
		for _, v := range []protocol.Version{protocol.V1, protocol.V2} {
			if more := len(v.AppendEvent([]byte(","), offset, at, body)) - len(body); more > v.Overhead() {
				t.Errorf("version %d needs %d bytes besides the body, more than %d", v, more, v.Overhead())
			}
		}
	})
}

// isModule reports whether s passes the checks of a module id.
func isModule(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// isValue reports whether s is a value as events have them: on one line, and not null.
func isValue(s string) bool {
	return json.Valid([]byte(s)) && strings.TrimSpace(s) == s && s != "null" && !strings.ContainsAny(s, "\r\n")
}

// FuzzForeignBody expands what anyone may have written to the log. The result has
// no more than its time and what was there.
func FuzzForeignBody(f *testing.F) {
	for _, body := range []string{``, `"`, `":",]`, `"a:b",{}`, `"a",{}]`, `a:b",{}]`, `"a:b"]`, `"module_id":"tasks","command":"x","params":{},"extra":{}}`, `"a:b",{},{"c":1}]`, `"a:b",{},{}]`, `"a:b",[,{"c":1}]`, `"a:\u0062\x",{}]`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		got := protocol.V1.AppendEvent(nil, 1, 0, body)

		if !bytes.Equal(body, before) {
			t.Errorf("the body is %q now, want %q", body, before)
		}
		parts, ok := protocol.SplitBody(body)
		if ok {
			end := append([]byte{','}, parts.Params...)
			if parts.Extra != nil {
				end = append(append(end, ','), parts.Extra...)
			}
			if start, found := bytes.CutSuffix(body, append(end, ']')); !found || !bytes.HasPrefix(start, append([]byte{'"'}, parts.Module...)) {
				t.Errorf("%q consists of %q, %q, %q and %q", body, parts.Module, parts.Command(), parts.Params, parts.Extra)
			}
		}
		if !ok && !json.Valid(got) {
			t.Errorf("%q becomes %s", body, got)
		}
	})
}
