package main

import (
	"encoding/json"
	"testing"

	"github.com/echo-pull/pull"
)

func TestPagesShowOnlyThatSomebodyIsTyping(t *testing.T) {
	for name, c := range map[string]struct {
		command, tag, params string
		permitted            bool
	}{
		"to a user":       {"typing", "", `{"typing":true}`, true},
		"to a page":       {"typing", "/tasks/7", `{"typing":false,"tag":"/tasks/7"}`, true},
		"of another page": {"typing", "/tasks/7", `{"typing":true,"tag":"/tasks/8"}`, false},
		"of two pages":    {"typing", "/tasks/7", `{"typing":true,"tag":"/tasks/8","Tag":"/tasks/7"}`, false},
		"no state":        {"typing", "", `{"typing":1}`, false},
		"a text":          {"typing", "", `{"typing":true,"text":"<b>"}`, false},
		"an event":        {"message", "", `{"typing":true}`, false},
	} {
		m := pull.Message{From: "ann", Tag: c.tag, Module: "im", Command: c.command, Params: json.RawMessage(c.params)}
		if err := typing(t.Context(), m); (err == nil) != c.permitted {
			t.Errorf("%s: got %v, want permitted: %t", name, err, c.permitted)
		}
	}
}
