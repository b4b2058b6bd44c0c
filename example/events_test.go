package main

import (
	"io"
	"testing"

	"github.com/echo-pull/pull"
)

// The scripts of the pages have the types of the events as they are. To update the
// file, delete it and run this test.
func TestTypesOfTheScriptsAreUpToDate(t *testing.T) {
	t.Parallel()
	err := pull.CheckFile("static/events.d.ts", func(w io.Writer) error {
		return pull.WriteTypeScript(w, taskSaved, taskDeleted, auditSaved, auditDeleted, messageSent, pull.OneOf(everyone, onPage, toUser))
	})
	if err != nil {
		t.Error(err)
	}
}
