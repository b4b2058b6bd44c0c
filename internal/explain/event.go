package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

// An Event is an event of the window without its params.
type Event struct {
	Offset  uint64
	Time    time.Time // when it was sent, as this node believes it
	Expires time.Time // until then it is replayed
	Module  string
	Command string
	Target  []Term
	Bytes   int    // of the message in the log
	Node    string // that has published it; "" for an outbox in the log's own database
	Sender  bool   // it excepts the page that has sent it
	PerUser bool   // some users get params of their own
	Keep    bool   // a later event replaces it for pages that have missed both
	Secret  bool   // it is sent uncompressed
}

// A Term is a part of a target.
type Term struct {
	Shared              bool
	Users, Tags, Except []string // the first MostNames of each
	More                int      // how many names are left out
}

// MostNames is how many names of a list are shown.
const MostNames = 20

// EventOf returns an event of the window. at is when it was sent, in unix nanoseconds.
func EventOf(m *window.Message, at int64) *Event {
	e, err := envelope.Parse(m.Raw())
	if err != nil {
		return nil // never: the window has only valid ones
	}
	body, _ := protocol.SplitBody(m.Body())
	event := &Event{
		Offset: m.Offset, Time: time.Unix(0, at), Expires: time.Unix(int64(min(e.Expires, maxUnix)), 0), //nolint:gosec // bounded
		Module: string(body.Module), Command: body.Command(), Bytes: len(m.Raw()), Sender: len(e.Addr.Sender()) > 0,
		PerUser: e.PerUser != nil, Keep: e.Series != nil, Secret: e.Secret,
	}
	if !e.IsUnnamed() {
		event.Node = string(e.Node)
	}
	for t := range e.Addr.Terms() {
		if len(event.Target) == MostNames {
			break
		}
		event.Target = append(event.Target, termOf(t))
	}
	return event
}

const maxUnix = 1 << 40 // far later than any event, and still a year with a few digits

func termOf(t envelope.AddressTerm) Term {
	term := Term{Shared: t.Shared}
	for _, list := range []struct {
		from envelope.List
		to   *[]string
	}{{t.Users, &term.Users}, {t.Tags, &term.Tags}, {t.Except, &term.Except}} {
		for name := range list.from.All() {
			if len(*list.to) == MostNames {
				term.More += int(list.from.N) - MostNames //nolint:gosec // as many as fit into a message
				break
			}
			*list.to = append(*list.to, string(name))
		}
	}
	return term
}

// To describes the target.
func (e *Event) To() string {
	var all []string
	for i := range e.Target {
		all = append(all, e.Target[i].String())
	}
	return strings.Join(all, ", or ")
}

// String describes the term.
func (t *Term) String() string {
	var all []string
	if t.Shared {
		all = append(all, "everyone")
	}
	if len(t.Users) > 0 {
		all = append(all, named("user", t.Users))
	}
	if len(t.Tags) > 0 {
		all = append(all, named("tag", t.Tags))
	}
	text := strings.Join(all, " and ")
	if text == "" {
		text = "nobody"
	}
	if len(t.Except) > 0 {
		text += " except " + strings.Join(t.Except, ", ")
	}
	if t.More > 0 {
		text += fmt.Sprintf(" (and %d more names)", t.More)
	}
	return text
}

// named returns names with what they are: "user 7", or "users 7, 8".
func named(what string, names []string) string {
	if len(names) > 1 {
		what += "s"
	}
	return what + " " + strings.Join(names, ", ")
}
