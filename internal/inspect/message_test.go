package inspect

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestIndentedParamsAreNotMuchLonger(t *testing.T) {
	nest := func(open, end string) string { return strings.Repeat(open, 9000) + strings.Repeat(end, 9000) }
	for name, params := range map[string]string{
		"lists": nest("[", "]"), "objects": strings.Repeat(`{"":`, 9000) + "1" + strings.Repeat("}", 9000),
		"brackets in strings": strings.Repeat(`["]",`, 9000) + "1" + strings.Repeat("]", 9000), "quotes in strings": strings.Repeat(`["\"]",`, 9000) + "1" + strings.Repeat("]", 9000),
	} {
		if !json.Valid([]byte(params)) {
			t.Fatalf("%s: not JSON", name)
		}
		if got := indented([]byte(params)); len(got) > 2*len(params) {
			t.Errorf("%s: %d bytes of %d", name, len(got), len(params))
		}
	}
	if got, want := indented([]byte(`{"a":[1,"}"]}`)), "{\n  \"a\": [\n    1,\n    \"}\"\n  ]\n}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What is live is for those who have got the tag on a page of the inspector.
func TestTagOfAnInspectorCannotBeGuessed(t *testing.T) {
	tags := make(map[string]bool)
	for range 100 {
		tag := New(nil, false).tag
		if tags[tag] || len(tag) < len(tagPrefix)+26 {
			t.Fatalf("got %s, want another one each time, with 128 random bits", tag)
		}
		tags[tag] = true
	}
}
