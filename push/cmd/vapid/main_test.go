package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/echo-pull/pull/push"
)

func TestPrintedKeysWork(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`^VAPID_PUBLIC_KEY=(\S+)\nVAPID_PRIVATE_KEY=(\S+)\n$`).FindStringSubmatch(out.String())
	if lines == nil {
		t.Fatalf("printed %q", out.String())
	}
	keys := push.Keys{Public: lines[1], Private: lines[2]}
	if _, err := push.Web(push.WebConfig{Subject: "mailto:ops@example.com", Keys: keys, Store: push.NewMemoryStore()}); err != nil {
		t.Error(err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestFailedWriteIsReported(t *testing.T) {
	t.Parallel()
	if err := run(full{}); err == nil {
		t.Error("no error")
	}
}
