package envelope

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"
)

// FuzzOpen reads envelopes that anybody may have written into the log. What is
// accepted is walked through like the router does, and written anew.
func FuzzOpen(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	first, or := Term{Users: []string{"1", "2"}}, []Term{{Tags: []string{"T"}, Except: []string{"1"}}, {Shared: true}}
	raw := AppendHeader(nil, KindEvent, now)
	raw = binary.AppendUvarint(raw, 1_700_000_100)
	raw = append(AppendAddress(raw, "client", &first, or), `"module_id":"tasks"}`...)
	f.Add(raw)
	for k := KindEvent; k <= KindOffline+1; k++ {
		f.Add(Control(k, now, "1", "epoch.5", "T"))
		f.Add(Control(k, now))
	}
	f.Add(append(bytes.Clone(raw[:HeaderBytes]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x01))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		e, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Parse(rewrite(&e))
		if err != nil {
			t.Fatalf("what was accepted is not accepted again: %v", err)
		}
		if describe(&again) != describe(&e) {
			t.Errorf("got %s, want %s", describe(&again), describe(&e))
		}
		if !bytes.Equal(raw, before) {
			t.Error("the log's bytes were written to")
		}
	})
}

// rewrite encodes an envelope from what open has found in it.
func rewrite(e *Envelope) []byte {
	raw := AppendHeader(nil, e.Kind, time.Unix(0, e.At))
	Stamp(raw, string(e.Node), e.Seq)
	if e.Kind != KindEvent {
		return appendList(raw, e.List)
	}
	raw = binary.AppendUvarint(raw, e.Expires)
	raw = appendString(raw, string(e.Addr.Sender()))
	var terms []Term
	for t := range e.Addr.Terms() {
		terms = append(terms, Term{t.Shared, strs(t.Users), strs(t.Tags), strs(t.Except)})
	}
	raw = binary.AppendUvarint(raw, uint64(len(terms)))
	for i := range terms {
		raw = appendTerm(raw, &terms[i])
	}
	return append(raw, e.Body...)
}

func strs(l List) []string {
	var list []string
	for s := range l.All() {
		list = append(list, string(s))
	}
	for _, s := range list[:min(len(list), 10)] {
		if !l.Has(s) {
			panic("has does not find " + s)
		}
	}
	return list
}

// describe tells all that an envelope says.
func describe(e *Envelope) string {
	var b strings.Builder
	write := func(list ...string) {
		for _, s := range list {
			b.Write(appendString(nil, s))
		}
		b.WriteByte('|')
	}
	b.Write(binary.BigEndian.AppendUint64(nil, uint64(e.At)))
	b.Write(binary.BigEndian.AppendUint64(nil, e.Seq))
	b.Write(binary.BigEndian.AppendUint64(nil, e.Expires))
	b.WriteByte(byte(e.Kind))
	write(string(e.Node), string(e.Body))
	write(e.List...)
	if e.Kind == KindEvent {
		write(string(e.Addr.Sender()))
		for t := range e.Addr.Terms() {
			if t.Shared {
				b.WriteByte('*')
			}
			write(strs(t.Users)...)
			write(strs(t.Tags)...)
			write(strs(t.Except)...)
		}
	}
	return b.String()
}

func FuzzParseCursor(f *testing.F) {
	for _, s := range []string{"", "abc.7", "a.b.7", ".7", "7", "abc.", "abc.-1", "abc.18446744073709551615", "abc.18446744073709551616", "abc.+7", "abc.07"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := ParseCursor(s)
		if c.Epoch == "" {
			if c != (Cursor{}) {
				t.Errorf("got %+v for no position, want nothing", c)
			}
			return
		}
		if again := ParseCursor(c.String()); again != c {
			t.Errorf("got %+v from %q, want %+v", again, c, c)
		}
	})
}

func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"", "tasks", "a.b_c-d", "a:b", "a b", `a"b`, "<a>", "ü", "a\n", strings.Repeat("x", nameBytes), strings.Repeat("x", nameBytes+1)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, more := range []string{"", ":"} {
			err := CheckName("command", name, more)
			allowed := name != "" && len(name) <= nameBytes
			for i := range len(name) {
				allowed = allowed && (IsNameByte(name[i]) || strings.IndexByte(more, name[i]) >= 0)
			}
			if (err == nil) != allowed {
				t.Errorf("checkName(%q, more %q): got %v, want allowed %t", name, more, err, allowed)
			}
			if err == nil && strings.ContainsAny(name, "\"\\<>&' \x00\r\n\t") {
				t.Errorf("%q would need escaping", name)
			}
		}
	})
}
