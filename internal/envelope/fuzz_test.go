package envelope

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
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
	f.Add(Relay(SenderName("client", "7"), &first, []byte(`"im:typing",{}]`), now, now))
	f.Add(Relay(SenderName("client", ""), &first, []byte(`"im:typing",{}]`), now, now))
	f.Add(appendMomentary(AppendHeader(nil, KindUpdate, now), SenderName("client", "7"), &Term{Tags: []string{"T"}}, []byte(`"pull:render",{}]`), now))
	f.Add(appendMomentary(AppendHeader(nil, KindUpdate, now), "", &first, []byte(`"pull:render",{}]`), now))
	f.Add(appendMomentary(AppendHeader(nil, KindUpdate, now), "", &Term{Shared: true}, []byte(`"pull:render",{}]`), now))
	f.Add(Update("T", []byte(`"pull:render",{}]`), now, now))
	last := AppendSeries(bytes.Clone(raw[:HeaderBytes]), [SeriesBytes]byte{1, 2, 3})
	f.Add(last)
	last = append(last, raw[HeaderBytes:]...)
	f.Add(WithKey(raw, &Key{Line: 511, Content: ContentHash{1, 2}}))
	f.Add(WithKey(last, &Key{Request: RequestKey{1, 2}}))
	for _, seed := range [][]byte{raw, last, Control(KindWatch, now, "1")} {
		secret := bytes.Clone(seed)
		MarkSecret(secret)
		f.Add(secret)
	}
	own := AppendHeader(nil, KindEvent, now)
	MarkPerUser(own)
	own = AppendAddress(binary.AppendUvarint(own, 1_700_000_100), "client", &first, or)
	f.Add(append(AppendPerUser(own, []string{"1", "2"}, [][]byte{[]byte(`{"a":1}`), []byte(`{}`)}), `"tasks:update",{}]`...))
	f.Add(AppendPerUser(own, nil, nil))
	f.Add(WithTrace(raw, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
	f.Add(WithTrace(WithKey(last, &Key{Line: 1}), ""))
	f.Add(WithTrace(raw, strings.Repeat("x", MaxTraceBytes+1)))
	f.Add(append(own, 1, 0, 0, 0, 2, 1, '7', 0))
	f.Add(append(own, 1, 0, 0, 0, 1, 1, '7', 0))
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
		if e.Kind == KindUpdate && (len(e.Addr.Sender()) > 0 || !IsTransient(raw)) {
			t.Errorf("accepted an update of a page, or one that the log keeps: %s", describe(&e))
		}
		for term := range e.Addr.Terms() {
			if e.Kind == KindUpdate && (term.Shared || term.Users.N > 0) {
				t.Errorf("accepted an update for others than those who watch a tag: %s", describe(&e))
			}
		}
		if e.Kind == KindRelay && (len(SenderUser(e.Addr.Sender())) == 0 || !IsTransient(raw)) {
			t.Errorf("accepted a message of nobody, or one that the log keeps: %s", describe(&e))
		}
		if len(e.Trace) > MaxTraceBytes {
			t.Errorf("accepted a trace of %d bytes", len(e.Trace))
		}
		if e.Kind.IsEvent() && (Expires(raw) != e.Expires || HasSeries(raw) != (e.Series != nil) || HasPerUser(raw) != (e.PerUser != nil)) {
			t.Errorf("got %d, %t from the bytes, and %d, %q from Parse", Expires(raw), HasSeries(raw), e.Expires, e.Series)
		}
		if e.Kind.IsEvent() && !bytes.Equal(append(bytes.Clone(e.Addr), e.PerUser...)[len(e.Addr):], Address(append(bytes.Clone(e.Addr), e.PerUser...)).PerUser()) {
			t.Error("PerUser does not follow the address")
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
	if !e.Kind.hasBody() {
		return appendList(raw, e.List)
	}
	if e.Series != nil {
		raw = AppendSeries(raw, [SeriesBytes]byte(e.Series))
	}
	if e.Kind != KindEvent && !e.Kind.IsMomentary() {
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
	if e.PerUser != nil {
		MarkPerUser(raw)
		var users []string
		var params [][]byte
		for user, own := range e.PerUser.All() {
			users, params = append(users, string(user)), append(params, own)
		}
		raw = AppendPerUser(raw, users, params)
	}
	raw = append(raw, e.Body...)
	if e.Key != nil {
		k := ParseKey(e.Key)
		raw = WithKey(raw, &k)
	}
	if e.Trace != nil {
		raw = WithTrace(raw, string(e.Trace))
	}
	return raw
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
	write(string(e.Node), string(e.Body), string(e.Push), string(e.Series), string(e.Key), string(e.Trace))
	write(e.List...)
	for user, params := range e.PerUser.All() {
		write(string(user), string(params))
		e.PerUser.Of(string(user))
	}
	if e.Kind.hasBody() {
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

func FuzzCheckNames(f *testing.F) {
	for _, s := range []string{
		"", "tasks", "a.b_c-d", "a:b", "a b", `a"b`, "<a>", "ü", "a\n", "a\u2028b", "a\u0085b", "a\x7f", "\xff", "Новое сообщение!", "a\ufffdb",
		strings.Repeat("x", nameBytes), strings.Repeat("x", nameBytes+1), strings.Repeat("ü", nameBytes/2), strings.Repeat("ü", nameBytes/2) + "x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		fits := name != "" && len(name) <= nameBytes
		allowed := fits && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
		if err := CheckModule(name); (err == nil) != allowed {
			t.Errorf("CheckModule(%q): got %v, want allowed %t", name, err, allowed)
		}
		allowed = fits && utf8.ValidString(name)
		for _, r := range name {
			allowed = allowed && r >= ' ' && (r < 0x7f || r > 0x9f) && r != 0x2028 && r != 0x2029
		}
		if err := CheckCommand(name); (err == nil) != allowed {
			t.Errorf("CheckCommand(%q): got %v, want allowed %t", name, err, allowed)
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
