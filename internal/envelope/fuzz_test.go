package envelope

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzParse parses arbitrary envelopes, as anyone may have written them into
// the log. It encodes again what Parse accepts and compares.
func FuzzParse(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	first, or := Term{Users: []string{"1", "2"}}, []Term{{Tags: []string{"T"}, Except: []string{"1"}}, {Shared: true}}
	raw := AppendHeader(nil, KindEvent, now)
	raw = binary.AppendUvarint(raw, 1_700_000_100)
	raw = append(AppendAddress(raw, "client", &first, or), `"tasks:update",{}]`...)
	f.Add(raw)
	for k := KindEvent; k <= kinds; k++ {
		f.Add(append(AppendPush(AppendHeader(nil, k, now), []byte(`{"title":"T"}`)), raw[HeaderBytes:]...))
		f.Add(Control(k, now, "1", "epoch.5", "T"))
		f.Add(Control(k, now))
	}
	last := AppendSeries(bytes.Clone(raw[:HeaderBytes]), [SeriesBytes]byte{1, 2, 3})
	f.Add(last)
	last = append(last, raw[HeaderBytes:]...)
	for _, seed := range [][]byte{raw, last, Control(KindWatch, now, "1")} {
		secret := bytes.Clone(seed)
		MarkSecret(secret)
		f.Add(secret)
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
			t.Fatalf("an accepted envelope is not accepted again: %v", err)
		}
		if describe(&again) != describe(&e) {
			t.Errorf("got %s, want %s", describe(&again), describe(&e))
		}
		if e.Kind.IsEvent() && (Expires(raw) != e.Expires || HasSeries(raw) != (e.Series != nil)) {
			t.Errorf("got %d, %t from the bytes, and %d, %q from Parse", Expires(raw), HasSeries(raw), e.Expires, e.Series)
		}
		if !bytes.Equal(raw, before) {
			t.Error("Parse wrote to the bytes of the log")
		}
	})
}

// rewrite encodes an envelope from the result of Parse.
func rewrite(e *Envelope) []byte {
	raw := AppendHeader(nil, e.Kind, time.Unix(0, e.At))
	Stamp(raw, string(e.Node), e.Seq)
	if !e.Kind.IsEvent() {
		return appendList(raw, e.List)
	}
	if e.Series != nil {
		raw = AppendSeries(raw, [SeriesBytes]byte(e.Series))
	}
	if e.Kind != KindEvent {
		raw = AppendPush(raw, e.Push)
	}
	if e.Secret {
		MarkSecret(raw)
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
			panic("Has does not find " + s)
		}
	}
	return list
}

// describe returns all contents of an envelope.
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
	b.WriteString(strconv.FormatBool(e.Secret))
	write(string(e.Node), string(e.Body), string(e.Push), string(e.Series))
	write(e.List...)
	if e.Kind.IsEvent() {
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
				t.Errorf("got %+v for no position, want the zero Cursor", c)
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
				allowed = allowed && (isNameByte(name[i]) || strings.IndexByte(more, name[i]) >= 0)
			}
			if (err == nil) != allowed {
				t.Errorf("CheckName(%q, more %q): got %v, want allowed %t", name, more, err, allowed)
			}
			if err == nil && strings.ContainsAny(name, "\"\\<>&' \x00\r\n\t") {
				t.Errorf("%q would need escaping", name)
			}
		}
	})
}

func FuzzClientID(f *testing.F) {
	for _, id := range []string{"", "abc", "a-b_c", "a.b", "a b", "ü", strings.Repeat("x", MaxClientIDBytes), strings.Repeat("x", MaxClientIDBytes+1), "a\x00"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		want := id != "" && len(id) <= MaxClientIDBytes &&
			strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
		if got := IsClientID(id); got && !want || !got && want && !strings.ContainsAny(id, ".") {
			t.Errorf("IsClientID(%q): got %t, want %t", id, got, want)
		}
	})
}
