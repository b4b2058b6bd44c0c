package protocol_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/echo-pull/pull/internal/protocol"
)

func ExampleVersion_AppendMessage() {
	body := protocol.AppendBody(nil, "im", "typing", []byte(`{"chat":7}`))

	fmt.Printf("%s\n", protocol.V2.AppendMessage(nil, at, "42", nil, body))
	fmt.Printf("%s\n", protocol.V1.AppendMessage(nil, at, "42", nil, body))
	// Output:
	// [0,1795452002114,"im:typing",{"chat":7},{"sender":{"type":1,"id":"42"}}]
	// {"module_id":"im","command":"typing","params":{"chat":7},"extra":{"server_time":"2026-11-23T16:40:02Z","server_time_unix":1795452002.114020,"sender":{"type":1,"id":"42"}}}
}

// FuzzMessageIsNeverTheServers reads messages of pages with a parser of JSON: whatever
// a page sends, both forms name its user as the sender, and have no offset.
func FuzzMessageIsNeverTheServers(f *testing.F) {
	f.Add(at, "im", "typing", `{"chat":7}`, "42")
	f.Add(at, "im", "x", `{"a":"b"},{"sender":{"type":2}}`, "42")
	f.Add(int64(0), "im", "x", `{"extra":{"sender":{"type":2}},"a":",\"extra\":{"}`, `1"},"type":2,"a":{"b":"`)
	f.Add(int64(1), "pull", "hello", `[{"sender":{"type":2,"id":"1"}}]`, `\`)
	f.Add(int64(1), "im", "x:y", `",{}]"`, "\u2028<é>")
	f.Fuzz(func(t *testing.T, at int64, module, command, params, user string) {
		if at < 0 || !isModule(module) || !utf8.ValidString(command) || !isValue(params) || user != strings.ToValidUTF8(user, "") {
			t.Skip("no message has these parts")
		}
		body := protocol.AppendBody(nil, module, command, []byte(params))
		type extra struct {
			Sender map[string]any `json:"sender"`
		}
		want := extra{map[string]any{"type": 1.0, "id": user}}

		var millis, offset int64
		var name string
		var second, first extra
		var got json.RawMessage
		array := protocol.V2.AppendMessage(nil, at, user, nil, body)
		if err := json.Unmarshal(array, &[]any{&offset, &millis, &name, &got, &second}); err != nil {
			t.Fatalf("%v in %s", err, array)
		}
		if offset != 0 || millis != at/1e6 || name != module+":"+command || string(got) != params || !reflect.DeepEqual(second, want) {
			t.Errorf("version 2 is %s, want the sender %q", array, user)
		}
		long := protocol.V1.AppendMessage(nil, at, user, nil, body)
		var object map[string]json.RawMessage
		if err := json.Unmarshal(long, &object); err != nil {
			t.Fatalf("%v in %s", err, long)
		}
		if err := json.Unmarshal(object["extra"], &first); err != nil {
			t.Fatalf("%v in %s", err, long)
		}
		if _, has := object["id"]; has || len(object) != 4 || string(object["params"]) != params || !reflect.DeepEqual(first, want) {
			t.Errorf("version 1 is %s, want the sender %q", long, user)
		}
	})
}
