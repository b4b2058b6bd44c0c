package pull

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{
		`{"extend":["T"]}`, `{"seen":["1"]}`, `{"extend":[],"seen":[]}`, `{}`, `null`, `[]`, `{"extend":null}`, `{"extend":[null]}`,
		`{"extend":[""]}`, `{"extend":["` + strings.Repeat("x", envelope.MaxIDBytes+1) + `"]}`, `{"extend":["T"`, `{"EXTEND":["T"]}`, "\xff",
		`{"extend":[` + strings.Repeat(`"a",`, listLimit) + `"a"]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		q, err := parseRequest(frame)
		if err != nil {
			if q.Extend != nil || q.Seen != nil {
				t.Errorf("got %+v beside %v, want nothing", q, err)
			}
			return
		}
		if q.Extend == nil && q.Seen == nil || len(q.Extend) > listLimit || len(q.Seen) > listLimit {
			t.Errorf("accepted %+v", q)
		}
		for _, id := range append(q.Extend, q.Seen...) {
			if id == "" || len(id) > envelope.MaxIDBytes {
				t.Errorf("accepted the id %q", id)
			}
		}
	})
}

func FuzzDecodeState(f *testing.F) {
	content, err := encodeState(&stateImage{
		Log:     broker.Image{Epoch: "abc", First: 7, Times: []int64{1, 2}, Messages: [][]byte{[]byte("one"), []byte("two")}},
		Watches: []hub.WatchImage{{User: "1", Tag: "T", Since: 5, Until: 8, Expires: 9}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content[len(stateMagic)+sha256.Size:])
	f.Add(content[len(stateMagic)+sha256.Size : len(content)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		sum := sha256.Sum256(content) // what the file holds is what somebody has meant
		img, err := decodeState(slices.Concat([]byte(stateMagic), sum[:], content))
		if err != nil {
			if img != nil {
				t.Errorf("got an image beside %v", err)
			}
			return
		}
		goesOn(t, img)
	})
}

// goesOn fails if a node cannot live on with a state.
func goesOn(t *testing.T, img *stateImage) {
	t.Helper()
	n := hub.New(hub.Config{
		WindowAge: time.Minute, WindowCount: 100, WindowBytes: 1 << 20, WatchTTL: time.Minute, MaxTagsPerUser: 100,
		Report: func(error) {}, Say: func([]byte) {}, Tell: func([]hub.Change) {},
	}, 1<<20, func(f func()) { go f() })
	d := hub.NewDispatcher(n, 0)
	p := &Engine{memory: new(broker.Memory), hub: n}
	if err := p.adopt(img); err != nil {
		t.Fatalf("got %v for a state that was decoded", err)
	}
	if err := p.memory.Publish(t.Context(), envelope.Control(envelope.KindBeat, time.Now())); err != nil {
		t.Errorf("publish into a restored log: %v", err)
	}
	log := broker.ImageOf(p.memory)
	for i, message := range log.Messages {
		d.Dispatch([]broker.Delivery{{Epoch: log.Epoch, Offset: log.First + uint64(i), Raw: message}})
	}
	if at := n.Cursor(); at.Epoch != img.Log.Epoch || at.Offset > envelope.MaxOffset {
		t.Errorf("got to %s, want a position in %q", at, img.Log.Epoch)
	}
	n.Sweep(time.Now())
	next := log.First + uint64(len(log.Messages))
	for i, w := range img.Watches {
		end := envelope.Control(envelope.KindUnwatch, time.Now(), w.User)
		envelope.Stamp(end, "somebody", uint64(i+1))
		d.Dispatch([]broker.Delivery{{Epoch: log.Epoch, Offset: next + uint64(i), Raw: end}})
		if n.Watching(w.User, []string{w.Tag})[w.Tag] {
			t.Errorf("the watch of %q by %q does not end", w.Tag, w.User)
		}
	}
	n.Sweep(time.Now())
}

func FuzzClientID(f *testing.F) {
	for _, id := range []string{"", "abc", "a-b_c", "a.b", "a b", "ü", strings.Repeat("x", envelope.ClientBytes), strings.Repeat("x", envelope.ClientBytes+1), "a\x00"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		want := id != "" && len(id) <= envelope.ClientBytes &&
			strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
		if got := envelope.IsClient(id); got && !want || !got && want && !strings.ContainsAny(id, ".") {
			t.Errorf("IsClient(%q): got %t, want %t", id, got, want)
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
