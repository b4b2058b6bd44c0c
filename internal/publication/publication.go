// Package publication reads what other services publish: one event as JSON, or many, one
// a line.
package publication

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// MaxLines is the largest number of events in a request.
const MaxLines = 512

// A Line is an event, and to whom it is. Both have passed their checks.
type Line struct {
	Target event.Target
	Event  event.Event
}

// An Error reports what is wrong with a line.
type Error struct {
	Line   int    // counts from 1; 0 for a single event
	Field  string // as in "event.ttl"; empty if it is the line as a whole
	Reason string
}

func (e *Error) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf("line %d: ", e.Line)
	}
	if e.Field != "" {
		where += e.Field + ": "
	}
	return where + e.Reason
}

// ErrTooMany is returned for more than [MaxLines] lines.
var ErrTooMany = fmt.Errorf("more than %d lines", MaxLines)

// ParseLine parses a single event.
func ParseLine(body []byte) ([]Line, error) {
	l, err := parseLine(body)
	if err != nil {
		return nil, err
	}
	return []Line{l}, nil
}

// ParseLines parses events in lines. The last one may end without a newline. All are
// checked: there is an error for the first that is wrong.
func ParseLines(body []byte) ([]Line, error) {
	texts := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	if len(texts) > MaxLines {
		return nil, ErrTooMany
	}
	lines := make([]Line, 0, len(texts))
	for i, text := range texts {
		l, err := parseLine(text)
		var wrong *Error
		if errors.As(err, &wrong) {
			wrong.Line = i + 1
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func parseLine(text []byte) (Line, error) {
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return Line{}, &Error{Reason: "empty"}
	case !utf8.Valid(text):
		return Line{}, &Error{Reason: "not UTF-8"}
	}
	if err := json.Unmarshal(text, new(json.RawMessage)); err != nil {
		return Line{}, &Error{Reason: "not JSON: " + err.Error()}
	}
	var (
		l   Line
		has = make(fields)
	)
	err := has.read("", text, func(name string, value json.RawMessage) (err error) {
		switch name {
		case "target":
			l.Target, err = parseTarget(value)
		case "event":
			l.Event, err = parseEvent(value)
		default:
			return errUnknown
		}
		return err
	})
	if err == nil {
		err = has.need("", "target", "event")
	}
	return l, err
}

func parseTarget(text []byte) (event.Target, error) {
	var (
		term envelope.Term
		has  = make(fields)
	)
	err := has.read("target", text, func(name string, value json.RawMessage) error {
		switch name {
		case "users":
			return readIDs(value, "user id", &term.Users)
		case "tags":
			return readIDs(value, "tag", &term.Tags)
		case "shared":
			return readBool(value, &term.Shared)
		case "except":
			return readIDs(value, "user id", &term.Except)
		}
		return errUnknown
	})
	if err == nil && term.IsEmpty() {
		err = &Error{Field: "target", Reason: "nobody: want users, tags or shared"}
	}
	t := event.User(term.Users...).Or(event.Tag(term.Tags...))
	if term.Shared {
		t = t.Or(event.Shared())
	}
	return t.Except(term.Except...), err
}

func parseEvent(text []byte) (event.Event, error) {
	var (
		e   event.Event
		has = make(fields)
	)
	err := has.read("event", text, func(name string, value json.RawMessage) error {
		switch name {
		case "module":
			return readModule(value, &e.Module)
		case "command":
			return readString(value, &e.Command)
		case "params":
			e.Params = value
			return nil
		case "perUser":
			return readPerUser(value, &e.PerUser)
		case "extra":
			return readMembers("event.extra", value, &e.Extra)
		case "key":
			return readString(value, &e.Key)
		case "ttl":
			return readSeconds(value, &e.TTL)
		case "keep":
			return readKeep(value, &e.Keep)
		case "secret":
			return readBool(value, &e.Secret)
		case "push":
			return readPush(value, &e.Push)
		}
		return errUnknown
	})
	if err == nil {
		err = has.need("event", "module")
	}
	if err == nil {
		err = check(&e)
	}
	return e, err
}

// check checks an event, and returns an error that names the field.
func check(e *event.Event) error {
	err := event.Check(e)
	if err == nil {
		return nil
	}
	return &Error{Field: "event." + wrongField(*e), Reason: reasonOf(err)}
}

// wrongField returns the field for which an event with a valid module has not passed
// its check, which checks push last and extra before that.
func wrongField(e event.Event) string {
	switch {
	case e.Command == "" && e.Push == nil:
		return "command"
	case e.Keep == event.Last && e.Key == "":
		return "keep"
	}
	e.Command = cmp.Or(e.Command, "x") // a notification alone has none
	if e.Push = nil; event.Check(&e) == nil {
		return "push"
	}
	if e.Extra = nil; event.Check(&e) == nil {
		return "extra"
	}
	return "command"
}

// reasonOf returns the text of an error of the plugin without its prefix.
func reasonOf(err error) string { return strings.TrimPrefix(err.Error(), "pull: ") }
