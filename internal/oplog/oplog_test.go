package oplog_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/echo-pull/pull/internal/oplog"
)

// A broken is a handler of an application that panics where it is asked to.
type broken struct {
	slog.Handler
	enabled bool
}

func (b broken) Enabled(context.Context, slog.Level) bool {
	if !b.enabled {
		panic("not open")
	}
	return true
}

func (broken) Handle(context.Context, slog.Record) error { panic("no disk") }

func TestLoggerThatPanicsLosesOnlyItsMessages(t *testing.T) {
	for _, b := range []broken{{slog.DiscardHandler, true}, {slog.DiscardHandler, false}} {
		logger := slog.New(b)
		if got := oplog.Joined.IsLogged(logger); got != b.enabled {
			t.Errorf("IsLogged: got %t, want %t", got, b.enabled)
		}
		oplog.Refused.Log(logger, "origin", 3)
		oplog.Error(logger, errors.New("broken"))
	}
}

func TestQuestionWhetherAMessageIsLoggedCostsNoMemory(t *testing.T) {
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	got := testing.AllocsPerRun(100, func() {
		if oplog.Joined.IsLogged(logger) {
			t.Error("a logger at level Warn takes a message for debugging")
		}
	})
	if got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
