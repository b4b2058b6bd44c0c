package web

import (
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/grant"
)

func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{
		`{"extend":["T"]}`, `{"seen":["1"]}`, `{"extend":[],"seen":[]}`, `{}`, `null`, `[]`, `{"extend":null}`, `{"extend":[null]}`,
		`{"extend":[""]}`, `{"extend":["` + strings.Repeat("x", envelope.MaxIDBytes+1) + `"]}`, `{"extend":["T"`, `{"EXTEND":["T"]}`, "\xff",
		`{"watch":["AQQA"],"unwatch":["AQQA"]}`, `{"watch":[]}`, `{"watch":[null]}`, `{"unwatch":["` + strings.Repeat("x", grant.MaxBytes+1) + `"]}`,
		`{"looking":true}`, `{"looking":null}`, `{"looking":1}`, `{"read":"im-7"}`, `{"read":"\n"}`, `{"read":"` + strings.Repeat("x", envelope.MaxIDBytes+1) + `"}`,
		`{"extend":[` + strings.Repeat(`"a",`, listLimit) + `"a"]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		q, err := parseRequest(frame)
		if err != nil {
			if !q.isEmpty() {
				t.Errorf("got %+v beside %v, want nothing", q, err)
			}
			return
		}
		if q.isEmpty() || len(q.Extend) > listLimit || len(q.Seen) > listLimit {
			t.Errorf("accepted %+v", q)
		}
		if len(q.Read) > envelope.MaxIDBytes {
			t.Errorf("accepted the tag %q", q.Read)
		}
		for _, text := range append(q.Watch, q.Unwatch...) {
			if text == "" || len(text) > grant.MaxBytes {
				t.Errorf("accepted the grant %q", text)
			}
		}
		for _, id := range append(q.Extend, q.Seen...) {
			if id == "" || len(id) > envelope.MaxIDBytes {
				t.Errorf("accepted the id %q", id)
			}
		}
	})
}

func FuzzCanonicalOrigin(f *testing.F) {
	for _, s := range []string{
		"https://a.test", "HTTPS://A.test:443", "http://a.test:80", "http://a.test:8080", "null", "", "wss://a.test", "https://[::1]:443",
		"https://a.test:443:443", "://", "http://a.test:", "http://user@a.test", "https://a.test/path", "%zz", "http://a.test\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, err := canonicalOrigin(s)
		if err != nil {
			return
		}
		if twice, err := canonicalOrigin(once); twice != once || err != nil {
			t.Errorf("canonicalOrigin(%q): got %q and of that %q and %v, want a fixed form", s, once, twice, err)
		}
	})
}
