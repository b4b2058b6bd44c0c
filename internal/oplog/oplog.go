// Package oplog has the messages that a plugin logs for the operator of an application.
// Each kind has one constant text, and attributes for everything that varies. None of them
// contains the params of events, tokens, or the ids of sessions and pages.
//
// docs/production.md explains each of them; a test compares it with this package.
package oplog

import (
	"context"
	"log/slog"
)

// A Message is a kind of message.
type Message struct {
	Level slog.Level
	Text  string
	Attrs []string // names of the attributes
}

// IsLogged reports whether a logger takes the message. A logger that panics takes none.
func (m *Message) IsLogged(l *slog.Logger) (taken bool) {
	defer survive()
	return l.Enabled(context.Background(), m.Level)
}

// Log logs the message with the values of its attributes.
func (m *Message) Log(l *slog.Logger, values ...any) {
	defer survive()
	attrs := make([]any, 0, len(values))
	for i, value := range values {
		attrs = append(attrs, slog.Any(m.Attrs[i], value))
	}
	switch m.Level {
	case slog.LevelDebug:
		l.Debug(m.Text, attrs...)
	case slog.LevelInfo:
		l.Info(m.Text, attrs...)
	default:
		l.Warn(m.Text, attrs...)
	}
}

// Error logs an error that no call can return.
func Error(l *slog.Logger, err error) {
	defer survive()
	l.Error(err.Error())
}

// survive drops the message with which a logger has panicked. That is the application's
// mistake, which must not end the process or keep a session from ending, and there is
// nowhere to report it.
func survive() { _ = recover() }

// All returns every message.
func All() []*Message {
	return []*Message{
		&Unusable, &Started, &Stopped,
		&BrokerLost, &BrokerBack, &EpochChanged, &Gaps,
		&Refused, &Cut, &SlowLog, &QueueHalfFull, &ForeignOrigin, &ForeignHost, &UnknownUser,
		&Connected, &Joined, &Recovered, &Left,
	}
}
