package web

import (
	"encoding/json"
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

// FuzzParseMessage parses what pages may send. What is accepted is within the bounds,
// and is never for everyone.
func FuzzParseMessage(f *testing.F) {
	for _, s := range []string{
		`{"n":5,"users":["42"],"module":"im","command":"typing","params":{"a":[1]},"expiry":10}`,
		`{"n":5,"tag":"TASK_7","module":"IM","command":"typing"}`, `{"n":9007199254740992,"tag":"T","module":"im","command":"x"}`,
		`{"n":1,"users":["1"],"tag":"T","module":"im","command":"x"}`, `{"n":1,"users":[],"tag":"","module":"im","command":"x"}`,
		`{"n":1,"users":[null],"module":"im","command":"x"}`, `{"n":-1}`, `{"n":1,"users":["1"],"module":"im","command":"x","expiry":0}`, `null`, `[]`, `5`, ``,
		`{"n":1,"users":["1"],"module":"im","command":"x","params":"\xff"}`, `{"n":1,"users":["1"],"module":"im:x","command":"x\",{}]"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMessage(text)
		framed, frameErr := parseFrame([]byte(`{"send":` + string(text) + `}`))
		if json.Valid(text) && (err == nil) != (frameErr == nil || framed != nil) {
			t.Errorf("got %v alone and %v in a frame", err, frameErr)
		}
		if err != nil {
			if m != nil {
				t.Errorf("got %+v beside %v, want nothing", m, err)
			}
			return
		}
		if m.N == 0 || m.N >= 1<<53 || len(m.Users) > listLimit || (len(m.Users) == 0) == (m.Tag == "") || *m.Expiry < 1 || *m.Expiry > longestExpiry {
			t.Errorf("accepted %+v", m)
		}
		for _, id := range append(m.Users, m.Tag) {
			if id == "" && len(m.Users) == 0 || len(id) > envelope.MaxIDBytes {
				t.Errorf("accepted the id %q", id)
			}
		}
		if m.Module != strings.ToLower(m.Module) || strings.ContainsAny(m.Module, "\"\\\n") || m.Module == "" || m.Command == "" {
			t.Errorf("accepted the name %q %q", m.Module, m.Command)
		}
	})
}

func FuzzParseRenewal(f *testing.F) {
	for _, s := range []string{
		`{"client":"me"}`, `{"client":"me","more":1}`, `{}`, `null`, `[]`, ``, `{"client":null}`, `{"client":7}`, `{"client":""}`, `{"CLIENT":"me"}`,
		`{"client":"a/b"}`, `{"client":"` + strings.Repeat("x", envelope.MaxClientIDBytes+1) + `"}`, `{"client":"me"`, "\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		client, err := parseRenewal(body)
		if (err == nil) != envelope.IsClientID(client) {
			t.Errorf("got %q and %v", client, err)
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
