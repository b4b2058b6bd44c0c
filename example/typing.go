package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/echo-pull/pull"
)

// typing permits pages to show one another that their user is typing: to those who look
// at the same page, which the plugin has checked, or to other users, who may all write to
// one another here. The params name the tag, because a page that receives a message
// does not see to whom it was sent; they must not name another one. They are read into a
// map, in which names have a case as they have it in the browser.
func typing(_ context.Context, m pull.Message) error {
	var p map[string]any
	if err := json.Unmarshal(m.Params, &p); err != nil {
		return err
	}
	_, state := p["typing"].(bool)
	want := 1
	if m.Tag != "" {
		want = 2
	}
	if m.Command != "typing" || !state || len(p) != want || m.Tag != "" && p["tag"] != m.Tag {
		return errors.New("pages only show that somebody is typing")
	}
	return nil
}
