package plugintest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// head returns all of an event but its params and notification, as a line.
func (l *left) head() string {
	var b strings.Builder
	b.WriteString(l.name())
	if l.event.Key != "" {
		fmt.Fprintf(&b, " Key: %q", l.event.Key)
	}
	if l.event.Keep == event.Last {
		b.WriteString(" Keep: Last")
	}
	if l.event.TTL != 0 {
		fmt.Fprintf(&b, " TTL: %s", l.event.TTL)
	}
	if l.event.ExceptSender {
		b.WriteString(" ExceptSender")
	}
	if l.event.Secret {
		b.WriteString(" Secret")
	}
	return b.String()
}

// name returns the target and the name of an event.
func (l *left) name() string {
	return showTarget(l.target) + " " + l.event.Module + ":" + l.event.Command
}

// lines returns an event as a failure shows it.
func (l *left) lines() []string {
	lines := append([]string{l.head()}, indented(l.params)...)
	for _, more := range []struct{ name, text string }{{"PerUser", l.perUser}, {"Extra", l.extra}, {"Push", l.push}} {
		if more.text != "" {
			lines = append(append(lines, "  "+more.name+":"), indented(more.text)...)
		}
	}
	if len(lines) == 2 { // short params
		return []string{lines[0] + " " + strings.TrimSpace(lines[1])}
	}
	return lines
}

// shortParams is the number of bytes of JSON that are shown on one line.
const shortParams = 60

// indented returns JSON as lines: one if it is short.
func indented(text string) []string {
	if len(text) <= shortParams {
		return []string{"  " + text}
	}
	var b bytes.Buffer
	_ = json.Indent(&b, []byte(text), "  ", "  ") // it is JSON
	return strings.Split("  "+b.String(), "\n")
}

// showTarget returns a target as Go would spell it. Two targets with the same
// users, tags and exceptions look the same.
func showTarget(t event.Target) string {
	var shown []string
	for _, term := range mergeTerms(event.Terms(&t)) {
		shown = append(shown, showTerm(&term))
	}
	if len(shown) == 0 {
		return "Target{}"
	}
	slices.Sort(shown)
	return union(shown)
}

// union returns the union of targets.
func union(shown []string) string {
	if len(shown) == 1 {
		return shown[0]
	}
	return shown[0] + ".Or(" + strings.Join(shown[1:], ").Or(") + ")"
}

// mergeTerms joins the terms with the same exceptions, and drops empty ones.
func mergeTerms(terms []envelope.Term) []envelope.Term {
	var merged []envelope.Term
	for _, term := range terms {
		if term.IsEmpty() {
			continue
		}
		term.Except = set(term.Except)
		i := slices.IndexFunc(merged, func(m envelope.Term) bool { return slices.Equal(m.Except, term.Except) })
		if i < 0 {
			merged = append(merged, term)
			continue
		}
		m := &merged[i]
		m.Shared = m.Shared || term.Shared
		m.Users, m.Tags = slices.Concat(m.Users, term.Users), slices.Concat(m.Tags, term.Tags)
	}
	return merged
}

// set returns the strings sorted, each once.
func set(list []string) []string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

func showTerm(t *envelope.Term) string {
	var parts []string
	if t.Shared {
		parts = append(parts, "Shared()")
	}
	if len(t.Users) > 0 {
		parts = append(parts, "User("+quoted(t.Users)+")")
	}
	if len(t.Tags) > 0 {
		parts = append(parts, "Tag("+quoted(t.Tags)+")")
	}
	text := union(parts)
	if len(t.Except) > 0 {
		text += ".Except(" + quoted(t.Except) + ")"
	}
	return text
}

func quoted(list []string) string {
	var names []string
	for _, s := range set(list) {
		names = append(names, fmt.Sprintf("%q", s))
	}
	return strings.Join(names, ", ")
}
