package natsbroker_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/echo-pull/pull/natsbroker"
)

// A network that loses everything without closing a connection is noticed, and
// when it is back, nothing is missing.
func TestNetworkThatSwallowsEverythingIsNoticed(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p, prefix := newProxy(t, s), newPrefix()
	b := newBroker(t, s, prefix, func(c *natsbroker.Config) { c.URL = p.url() })
	other := newBroker(t, s, prefix)
	l := follow(t, b)
	publish(t, other, "before")
	l.sees(t, "before")
	start := time.Now()

	mend := p.swallow()

	publish(t, other, "during")
	at, err := l.fails(t, 1)
	if took := at.Sub(start); took > patience {
		t.Errorf("Subscribe returned %v after %v, want %v", err, took, patience)
	}
	mend()
	publish(t, b, "after")
	unbroken(t, l.sees(t, "after"))
	if find(l.sees(t, "after"), "during") == (entry{}) {
		t.Error("the message from the time of the fault is missing")
	}
}

// Connections break while messages are on their way, again and again. A call of
// Publish that has succeeded has put its message into the log once.
func TestBrokenConnectionsRepeatNothing(t *testing.T) {
	t.Parallel()
	s := shared(t)
	p, prefix := newProxy(t, s), newPrefix()
	b := newBroker(t, s, prefix, func(c *natsbroker.Config) { c.URL = p.url() })
	l := follow(t, b)
	load := startLoad(t, b)
	for n := range 8 {
		l.sees(t, strconv.Itoa(20*(n+1)))
		p.cut()
	}
	load.stop()
	publish(t, b, "end")
	entries := l.sees(t, "end")
	load.complete(t, entries)
	seen := make(map[string]uint64)
	for _, e := range entries {
		if at, again := seen[e.message]; again && at != e.offset && e.message != strconv.FormatInt(load.acked.Load()+1, 10) {
			t.Errorf("message %s is at %d and at %d", e.message, at, e.offset)
		}
		seen[e.message] = e.offset
	}
}

// A node that may no longer connect reports that once, and goes on when it may
// again.
func TestLostPermissionIsToldOnceAndHealed(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(s *settings) { s.Users = []string{"node", "operator"} })
	b := newBroker(t, s, "pull")
	l := follow(t, b)
	publish(t, b, "before")
	before := find(l.sees(t, "before"), "before")
	s.interrupt(t)
	s.settings.Users = []string{"operator"}
	s.start(t)
	if _, err := l.fails(t, 1); err == nil {
		t.Error("got nil, want an error")
	}
	if err := b.Publish(t.Context(), []byte("during")); err == nil {
		t.Error("Publish returned nil to a node without permission")
	}

	s.interrupt(t)
	s.settings.Users = []string{"node", "operator"}
	s.start(t)

	publish(t, b, "after")
	if got := find(l.sees(t, "after"), "after"); got.epoch != before.epoch {
		t.Errorf("got %v, want the epoch of %v", got, before)
	}
	if _, failed, _ := l.state(); len(failed) != 1 {
		t.Errorf("got errors %v, want one", failed)
	}
}

func TestClosedConnectionIsAnError(t *testing.T) {
	s := shared(t)
	nc := connect(t, s.url())
	b := newBroker(t, s, newPrefix(), func(c *natsbroker.Config) { c.URL, c.Conn = "", nc })
	l := follow(t, b)
	publish(t, b, "before")
	l.sees(t, "before")

	nc.Close()

	if err := b.Publish(t.Context(), []byte("after")); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v, want an error about the connection", err)
	}
	if _, err := l.fails(t, 1); !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v, want an error about the connection", err)
	}
}

// A subscriber that is slow gets everything nevertheless, and delays nobody.
func TestSlowSubscriberMissesNothing(t *testing.T) {
	t.Parallel()
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	resume, blocked := make(chan struct{}), make(chan struct{})
	var got []entry
	ended := make(chan error, 1)
	go func() {
		ended <- b.Subscribe(ctx, time.Minute, func(epoch string, offset uint64, m []byte) {
			if len(got) == 0 {
				close(blocked)
				<-resume
			}
			if got = append(got, entry{epoch, offset, string(m)}); string(m) == "end" {
				cancel()
			}
		})
	}()
	publish(t, b, "first")
	<-blocked
	payload := strings.Repeat("x", 60<<10)
	for range 1000 { // much more than any buffer on the way
		publish(t, b, payload)
	}
	<-time.After(3 * time.Second) // longer than two heartbeats
	publish(t, b, "end")
	close(resume)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	unbroken(t, got)
	if len(got) != 1002 {
		t.Errorf("got %d messages, want 1002", len(got))
	}
}

func TestMessagesThatAreTooLargeAreRefusedBeforeAnythingIsSent(t *testing.T) {
	s := newServer(t, func(s *settings) { s.MaxPayload = 1 << 20 })
	b := newBroker(t, s, "pull")
	l := follow(t, b)
	most := b.MaxMessageBytes()
	if most > 1<<20 || most < 1<<20-1000 {
		t.Errorf("got MaxMessageBytes %d, want a little less than 1 MiB", most)
	}
	if err := b.Publish(t.Context(), []byte("small"), make([]byte, most+1)); err == nil {
		t.Error("got nil for a message above MaxMessageBytes")
	}
	// What is not too large arrives, although a batch has more than one message of the stream can hold.
	if err := b.Publish(t.Context(), make([]byte, most), []byte("middle"), make([]byte, most), []byte("end")); err != nil {
		t.Error(err)
	}
	entries := l.sees(t, "end")
	unbroken(t, entries)
	if len(entries) != 4 || len(entries[0].message) != most {
		t.Errorf("got %d messages, want 4", len(entries))
	}
}

// A node that is far from the server gets its turn beside one that is near, however
// busy that is.
func TestNodeThatIsFarGetsItsTurn(t *testing.T) {
	s := shared(t)
	p, prefix := newProxy(t, s), newPrefix()
	near, far := newBroker(t, s, prefix), newBroker(t, s, prefix, func(c *natsbroker.Config) { c.URL = p.url() })
	l := follow(t, far)
	publish(t, far, "before")
	l.sees(t, "before")
	p.delay.Store(int64(time.Millisecond))
	startLoad(t, near)
	l.sees(t, "100")
	for n := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := far.Publish(ctx, []byte("far "+strconv.Itoa(n))); err != nil {
			t.Errorf("message %d: %v", n, err)
		}
		cancel()
	}
	unbroken(t, l.sees(t, "far 19"))
}

// A message in the stream that another program has published harms nobody: the
// log begins another epoch behind it.
func TestForeignMessageIsSkipped(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	b := newBroker(t, s, prefix)
	l := follow(t, b)
	publish(t, b, "before")
	before := find(l.sees(t, "before"), "before")
	if err := connect(t, s.url()).PublishMsg(&nats.Msg{Subject: prefix + ".log", Data: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		stream, err := operator(t, s.url()).Stream(t.Context(), prefix)
		if err == nil && stream.CachedInfo().State.LastSeq < 2 {
			err = context.DeadlineExceeded
		}
		return err
	})
	publish(t, b, "after")
	if got := find(l.sees(t, "after"), "after"); got.epoch == before.epoch || got.offset <= before.offset {
		t.Errorf("got %v, want a higher offset in another epoch than %v", got, before)
	}
}
