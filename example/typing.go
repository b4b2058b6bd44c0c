package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/echo-pull/pull"
)

// typing permits pages to show one another that their user is typing: to those who look
// at the same page, which the plugin has checked, or to other users, who may all write to
// one another here. The params name the tag, because a page that receives a message
// does not see to whom it was sent; they must not name another one.
func typing(_ context.Context, m pull.Message) error {
	var p struct {
		Typing bool   `json:"typing"`
		Tag    string `json:"tag"`
	}
	d := json.NewDecoder(bytes.NewReader(m.Params))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return err
	}
	if m.Command != "typing" || p.Tag != m.Tag {
		return errors.New("pages only show that somebody is typing")
	}
	return nil
}
