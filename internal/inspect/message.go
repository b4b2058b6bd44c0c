package inspect

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/echo-pull/pull/internal/explain"
)

// A messageRow is an event in a table.
type messageRow struct {
	Offset             uint64
	Time, Name, Target string
	Size, Node         string
}

// messagePage is the contents of the page of one event.
type messagePage struct {
	Offset  string // as requested
	Problem string
	Facts   []row
	Params  string // JSON; empty if they are not shown
	Hidden  string // why not
}

// looked is how many of the last events are searched.
const looked = 1000

// recent returns the last events of the window, the newest one first. A part restricts
// them to those with it in their name or target.
func (i *Inspector) recent(part string) []messageRow {
	var rows []messageRow
	events := i.engine.Recent(looked)
	for n := range events {
		if row := rowOf(&events[n]); row.has(part) {
			rows = append(rows, row)
		}
		if len(rows) == recentMessages {
			break
		}
	}
	return rows
}

// has reports whether a part is in the name or in the target, in any case of letters.
func (r *messageRow) has(part string) bool {
	part = strings.ToLower(part)
	return strings.Contains(strings.ToLower(r.Name), part) || strings.Contains(strings.ToLower(r.Target), part)
}

func rowOf(e *explain.Event) messageRow {
	return messageRow{
		Offset: e.Offset, Time: clock(e.Time), Name: nameOf(e), Target: e.To(), Size: size(e.Bytes), Node: e.Node,
	}
}

// nameOf returns the name of an event, as pages know it.
func nameOf(e *explain.Event) string { return e.Module + ":" + e.Command }

// offsetOf parses an offset, which may have commas as on the overview.
func offsetOf(text string) (offset uint64, ok bool) {
	offset, err := strconv.ParseUint(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), 10, 64)
	return offset, err == nil && offset > 0
}

// message shows an event of the window.
func (i *Inspector) message(f *frame, query url.Values) {
	p := messagePage{Offset: query.Get("offset")}
	f.Title = "An event"
	if p.Offset != "" {
		f.Title = "Event " + p.Offset
		i.describe(&p)
	}
	f.Contents = p
}

// describe fills a page with what the window has of an event.
func (i *Inspector) describe(p *messagePage) {
	offset, ok := offsetOf(p.Offset)
	if !ok {
		p.Problem = "Enter the offset of an event, such as 58."
		return
	}
	e := i.engine.EventAt(offset)
	if e == nil {
		p.Problem = "The window of this node has no event at this offset. It may be older than the window, not have arrived, or be a message that nodes send to one another."
		return
	}
	p.Facts = factsOf(e)
	switch {
	case !i.showParams:
		p.Hidden = "Config.InspectParams is false"
	case e.Secret:
		p.Hidden = "the event is secret"
	default:
		p.Params = indented(i.engine.ParamsAt(offset))
	}
}

// factsOf returns what is known of an event.
func factsOf(e *explain.Event) []row {
	rows := []row{
		{"Name", nameOf(e)},
		{"To", e.To()},
		{"Sent (UTC)", second(e.Time)},
		{"Replayed until (UTC)", second(e.Expires)},
		{"Size in the log", size(e.Bytes)},
		{"Published by", orNone(e.Node)},
	}
	for _, property := range []struct {
		is    bool
		shown row
	}{
		{e.Sender, row{"Sender", "the page that has sent it does not get it"}},
		{e.PerUser, row{"Params per user", "some users get params of their own, which are not shown"}},
		{e.Keep, row{"Keep", "a later event with its key replaces it for pages that were away"}},
		{e.Secret, row{"Secret", "it is not compressed"}},
	} {
		if property.is {
			rows = append(rows, property.shown)
		}
	}
	return rows
}

// sentence returns an error as a sentence.
func sentence(err error) string {
	text := strings.TrimPrefix(err.Error(), "pull: ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// deepest is how many levels of JSON are indented. The spaces of all levels together
// would be as many as the square of their number.
const deepest = 32

// indented returns JSON for people.
func indented(params []byte) string {
	var b bytes.Buffer
	if depth(params) > deepest || json.Indent(&b, params, "", "  ") != nil {
		return string(params)
	}
	return b.String()
}

// depth returns how many levels JSON has.
func depth(text []byte) (most int) {
	level, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++ // what follows is part of the string
		case quoted:
		case c == '{', c == '[':
			level++
			most = max(most, level)
		case c == '}', c == ']':
			level--
		}
	}
	return most
}
