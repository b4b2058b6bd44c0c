package engine

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

func FuzzDecodeState(f *testing.F) {
	content, err := encodeState(&stateImage{
		Log:     broker.Snapshot{Epoch: "abc", First: 7, Times: []int64{1, 2}, Messages: [][]byte{[]byte("one"), []byte("two")}},
		Watches: []hub.WatchImage{{User: "1", Tag: "T", Since: 5, Until: 8, Expires: 9}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content[len(stateMagic)+sha256.Size:])
	f.Add(content[len(stateMagic)+sha256.Size : len(content)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		sum := sha256.Sum256(content) // a file with a valid sum
		img, err := decodeState(slices.Concat([]byte(stateMagic), sum[:], content))
		if err != nil {
			if img != nil {
				t.Errorf("got an image beside %v", err)
			}
			return
		}
		continueWith(t, img)
	})
}

// continueWith fails the test if a node cannot continue with a state.
func continueWith(t *testing.T, img *stateImage) {
	t.Helper()
	h := hub.New(hub.Config{
		WindowAge: time.Minute, WindowCount: 100, WindowBytes: 1 << 20, WatchTTL: time.Minute, MaxTagsPerUser: 100,
		Report: func(error) {}, Publish: func([]byte) {}, Notify: func([]hub.Change) {},
	}, 1<<20, func(f func()) { go f() })
	d := hub.NewDispatcher(h, 0)
	e := &Engine{memory: new(broker.Memory), hub: h}
	if err := e.restore(img); err != nil {
		t.Fatalf("got %v for a state that was decoded", err)
	}
	if err := e.memory.Publish(t.Context(), envelope.Control(envelope.KindBeat, time.Now())); err != nil {
		t.Errorf("publish into a restored log: %v", err)
	}
	saved := broker.TakeSnapshot(e.memory)
	for i, message := range saved.Messages {
		d.Dispatch([]broker.Delivery{{Epoch: saved.Epoch, Offset: saved.First + uint64(i), Raw: message}})
	}
	if at := h.Cursor(); at.Epoch != img.Log.Epoch || at.Offset > envelope.MaxOffset {
		t.Errorf("got to %s, want a position in %q", at, img.Log.Epoch)
	}
	h.Sweep(time.Now())
	next := saved.First + uint64(len(saved.Messages))
	for i, w := range img.Watches {
		end := envelope.Control(envelope.KindUnwatch, time.Now(), w.User)
		envelope.Stamp(end, "somebody", uint64(i+1))
		d.Dispatch([]broker.Delivery{{Epoch: saved.Epoch, Offset: next + uint64(i), Raw: end}})
		if h.AreWatched(w.User, []string{w.Tag})[w.Tag] {
			t.Errorf("the watch of %q by %q does not end", w.Tag, w.User)
		}
	}
	h.Sweep(time.Now())
}
