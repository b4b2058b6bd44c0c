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
