package hub

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/grant"
)

// joined returns a page that has joined without a cursor.
func joined(t *testing.T, h *Hub, user, client string) *Page {
	t.Helper()
	p := newPage(h, user, new(recorder))
	p.Client = client
	if err := h.Join(p, nil, h.Disconnects()); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSessionsAreThoseThatLiveAndThenThoseThatHaveLeft(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.User("1"), "x"), w.message(event.User("1"), "x")})
	first, second := joined(t, h, "1", "first"), joined(t, h, "1", "second")
	joined(t, h, "2", "other")
	joined(t, h, "1", "living")
	first.CloseNow(conn.Violation, "malformed frame")
	h.Leave(first)
	second.Cut()
	h.Leave(second)

	all := h.Sessions("1")

	got := make([]string, 0, len(all))
	for _, s := range all {
		got = append(got, s.Client+" "+s.Reason+" "+strconv.Itoa(s.Code)+" "+strconv.FormatBool(s.Ended.IsZero()))
	}
	if want := []string{"living  0 true", "second gone 0 false", "first violation 1008 false"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := all[0]; s.From != 2 || s.Joined != 2 || s.Position != 2 || s.Transport != "websocket" || s.Recovered || s.Gap != "" || time.Since(s.Began) > time.Minute {
		t.Errorf("got %+v, want a session that began at offset 2 a moment ago", s)
	}
}

func TestSessionsOfGuestsAreListed(t *testing.T) {
	h, d := newHub(func(*Config) {})
	d.Dispatch([]broker.Delivery{new(writer).message(event.Shared(), "x")})
	for range 5 {
		joined(t, h, "1", "user")
	}
	joined(t, h, "", "guest")

	if all := h.Sessions(""); len(all) != 1 || all[0].Client != "guest" {
		t.Errorf("got %+v, want the guest", all)
	}
}

func TestOnlyTheLastSessionsAreKept(t *testing.T) {
	h, d := newHub(func(*Config) {})
	d.Dispatch([]broker.Delivery{new(writer).message(event.Shared(), "x")})
	for i := range mostPast + 10 {
		h.Leave(joined(t, h, "1", strconv.Itoa(i)))
	}

	all := h.Sessions("1")

	if len(all) != mostPast || all[0].Client != "265" || all[mostPast-1].Client != "10" {
		t.Errorf("got %d sessions from %s to %s, want %d from 265 to 10", len(all), all[0].Client, all[len(all)-1].Client, mostPast)
	}
	if size := mostPast * (unsafe.Sizeof(explain.Session{}) + envelope.MaxIDBytes + 64); size > 192<<10 {
		t.Errorf("the past sessions take up to %d bytes, want 192 KiB at most", size)
	}
}

func TestPageThatNeverJoinedWasNoSession(t *testing.T) {
	h, d := newHub(func(*Config) {})
	d.Dispatch([]broker.Delivery{new(writer).message(event.Shared(), "x")})

	h.Leave(newPage(h, "1", plain{}))

	if all := h.Sessions("1"); len(all) > 0 {
		t.Errorf("got %+v, want none", all)
	}
}

func TestCausesOfGapsAreKnown(t *testing.T) {
	for _, c := range []struct {
		cause string
		at    envelope.Cursor
	}{
		{"window", envelope.Cursor{Epoch: "log", Offset: 1}},
		{"epoch", envelope.Cursor{Epoch: "other", Offset: 9}},
		{"ahead", envelope.Cursor{Epoch: "log", Offset: 99}},
		{"malformed", envelope.Cursor{}},
		{"behind", envelope.Cursor{Epoch: "log", Offset: 9}},
	} {
		t.Run(c.cause, func(t *testing.T) {
			h, d := newHub(func(c *Config) { c.WindowCount = 3 })
			var w writer
			for range 9 {
				d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x")})
			}
			if c.cause == "behind" {
				h.ForgetWatches(time.Now().Add(time.Hour))
			}
			p := newPage(h, "1", plain{})
			if err := h.Join(p, &c.at, 0); err != nil {
				t.Fatal(err)
			}

			if s := h.Sessions("1")[0]; s.Gap != c.cause || s.LiveGap || s.From != 9 {
				t.Errorf("got the gap %q, live %t, at %d, want %q at 9", s.Gap, s.LiveGap, s.From, c.cause)
			}
		})
	}
	t.Run("broken_log", func(t *testing.T) {
		h, d := newHub(func(*Config) {})
		var w writer
		d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x")})
		joined(t, h, "1", "page")

		d.Dispatch([]broker.Delivery{delivery("next", 5, w.message(event.Shared(), "x").Raw)})

		if s := h.Sessions("1")[0]; s.Gap != "broken_log" || !s.LiveGap || s.From != 4 || s.Epoch != "next" {
			t.Errorf("got %+v, want a gap at 4 of the next log", s)
		}
	})
	t.Run("grant", func(t *testing.T) {
		h, d := newHub(func(*Config) {})
		var w writer
		d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x")})
		p := newPage(h, "1", plain{})
		if err := h.Join(p, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil {
			t.Fatal(err)
		}
		d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "x"), w.message(event.User("1"), "passed it")})

		d.Dispatch([]broker.Delivery{w.grant("1", "log.1", "T")})

		if s := h.Sessions("1")[0]; s.Gap != "grant" || !s.LiveGap || s.From != 4 {
			t.Errorf("got %+v, want a gap by a grant at 4", s)
		}
	})
}

func TestRecentEventsComeWithoutParams(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{
		w.message(event.User("1"), "first"), w.grant("1", "log.1", "T"), w.message(event.Tag("T").Except("9"), "second"), w.message(event.User("2"), "third"),
	})

	all, own := h.Recent(2), h.RecentOf("1", 10)

	if len(all) != 2 || all[0].Offset != 4 || all[1].Offset != 3 || all[1].Module != "tasks" || all[1].Command != "update" ||
		all[1].To() != "tag T except 9" || all[1].Node != "somebody" || all[1].Bytes == 0 {
		t.Errorf("got %+v, want the last two", all)
	}
	if len(own) != 2 || own[0].Offset != 3 || own[1].Offset != 1 {
		t.Errorf("got %+v, want the events at 3 and 1", own)
	}
	if got := h.Recent(-1); len(got) > 0 {
		t.Errorf("got %+v, want none", got)
	}
	if got := h.RecentOf("1", -1); len(got) > 0 {
		t.Errorf("got %+v, want none", got)
	}
}

func TestLastEventsOfATagAreFoundAmongMany(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{w.grant("1", "log.0", "T")})
	for range lookedAt + 10 {
		d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "x"), w.message(event.Shared(), "x")})
	}

	own := h.RecentOf("1", 3)

	if len(own) != 3 || own[0].Offset != w.seq || own[2].Offset != w.seq-2 {
		t.Errorf("got %+v, want the last three", own)
	}
}

func TestNodesAreThoseOfTheLog(t *testing.T) {
	h, d := newHub(func(*Config) {})
	own := envelope.Control(envelope.KindHello, time.Now())
	envelope.Stamp(own, h.ID, 1)
	others := []broker.Delivery{delivery("log", 1, own)}
	for i, kind := range []envelope.Kind{envelope.KindOnline, envelope.KindBye} {
		raw := envelope.Control(kind, time.Now(), []string{"1", "2"}[:2-2*i]...)
		envelope.Stamp(raw, "nodenn"+strconv.Itoa(i)+"x", 1)
		others = append(others, delivery("log", uint64(2+i), raw))
	}
	outbox := new(writer).message(event.Shared(), "x").Raw
	envelope.Stamp(outbox, envelope.OutboxID("db"), 1)
	d.Dispatch(append(others, delivery("log", 4, outbox)))

	all := h.Nodes()

	if len(all) != 3 || !all[0].Self || all[0].ID != h.ID || all[1].Users != 2 || all[1].Stopping || !all[2].Stopping || time.Since(all[1].Heard) > time.Minute {
		t.Errorf("got %+v, want this node, one with two users, and one that stops", all)
	}
	if f := h.Facts("1", envelope.Cursor{Offset: 4}); len(f.Nodes) != 1 || f.Nodes[0] != all[1].ID || !f.Online {
		t.Errorf("got %+v, want the user on the other node", f)
	}

	bye := envelope.Control(envelope.KindBye, time.Now())
	envelope.Stamp(bye, all[1].ID, 2)
	d.Dispatch([]broker.Delivery{delivery("log", 5, bye)})

	if f := h.Facts("1", envelope.Cursor{Offset: 4}); len(f.Nodes) != 0 || !f.Online {
		t.Errorf("got %+v, want the user online for the grace, and on no node", f)
	}
}

func TestWatchesOfAUserAreSorted(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x"), w.grant("1", "log.1", "T"), w.grant("1", "log.1", "A"), w.grant("2", "log.1", "B")})

	all := h.WatchesOf("1", time.Now())

	if len(all) != 2 || all[0].Tag != "A" || all[1].Tag != "T" || all[1].Since != 1 || time.Until(all[1].Expires) < time.Minute {
		t.Errorf("got %+v, want A and T", all)
	}
	if later := h.WatchesOf("1", time.Now().Add(time.Hour)); len(later) > 0 {
		t.Errorf("got %+v an hour later, want none", later)
	}
}

// What a page watches itself is known while it watches; later, only that it did.
func TestOwnWatchesOfAPageAreExplained(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "before")})
	p := joined(t, h, "", "page")
	presented := []Presented{{Grant: grant.Grant{ID: 1, From: envelope.Cursor{Epoch: "log", Offset: 0}, Tags: []string{"T"}}}}
	h.WatchPage(p, presented)
	p.Flush()
	d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "while")})
	p.Flush()
	outcome := func(offset uint64) explain.Outcome {
		return explain.Explain(h.Facts("", envelope.Cursor{Offset: offset})).Sessions[0].Outcome
	}

	if before, while := outcome(1), outcome(2); before != explain.NotFor || while != explain.Sent {
		t.Errorf("got %q for an event before the page presented its grant, and %q for one after it, want not for and sent", before, while)
	}
	h.UnwatchPage(p, presented)
	d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "after")})
	if while, after := outcome(2), outcome(3); while != explain.Perhaps || after != explain.NotFor {
		t.Errorf("got %q for an event while the page watched, and %q for one after it, want perhaps and not for", while, after)
	}
	h.Leave(p)
	if after := outcome(2); after != explain.Perhaps {
		t.Errorf("got %q after the page has left, want perhaps", after)
	}
}

func TestOperatorMayAskAtAnyTime(t *testing.T) {
	h, d := newHub(func(c *Config) { c.WindowCount = 100 })
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x")})
	var busy sync.WaitGroup
	for range 2 {
		busy.Go(func() {
			for range 300 {
				h.Leave(joined(t, h, "1", "page"))
			}
		})
		busy.Go(func() {
			for range 300 {
				explain.Explain(h.Facts("1", h.Cursor()))
				h.Recent(10)
				h.RecentOf("1", 10)
				h.Nodes()
			}
		})
	}
	for range 300 {
		d.Dispatch([]broker.Delivery{w.message(event.User("1"), "x")})
	}
	busy.Wait()
}

// A node knows no sessions of before its start, and no more than the last 256.
func TestNodeKnowsFromWhenOnItKnowsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		h, d := newHub(func(*Config) {})
		d.Dispatch([]broker.Delivery{new(writer).message(event.Shared(), "x")})
		since := func() time.Duration { return h.Facts("1", envelope.Cursor{Offset: 1}).KnownSince.Sub(start) }
		for i := range mostPast + 10 {
			if got := since(); i <= mostPast && got != 0 {
				t.Fatalf("got %s after %d sessions, want the start of the node", got, i)
			}
			<-time.After(time.Second)
			h.Leave(joined(t, h, "1", strconv.Itoa(i)))
		}

		if got, want := since(), 10*time.Second; got != want {
			t.Errorf("got %s, want %s, at which the last session ended that is not kept", got, want)
		}
	})
}

func TestOtherNodesAreCountedWithThoseThatAreGone(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x")})
	own := envelope.Control(envelope.KindHello, time.Now())
	envelope.Stamp(own, h.ID, 1)
	bye := envelope.Control(envelope.KindBye, time.Now())
	envelope.Stamp(bye, "nodenngone", 1)
	outbox := w.message(event.Shared(), "x").Raw
	envelope.Stamp(outbox, envelope.OutboxID("db"), 1)
	d.Dispatch([]broker.Delivery{delivery("log", 2, own), delivery("log", 3, bye), delivery("log", 4, outbox)})

	if f := h.Facts("1", envelope.Cursor{Offset: 1}); f.Others != 2 || len(f.Nodes) > 0 {
		t.Errorf("got %d other nodes and %q, want the writer, and the one that has stopped", f.Others, f.Nodes)
	}
}

// The keeper of a log may go on in another epoch between the two parts of an answer.
func TestLogThatBreaksWhileAnOperatorAsks(t *testing.T) {
	h, d := newHub(func(*Config) {})
	var w writer
	d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x")})
	joined(t, h, "1", "page")
	q := h.questionAbout("1", envelope.Cursor{Offset: 1})

	d.Dispatch([]broker.Delivery{delivery("next", 1, w.message(event.Shared(), "x").Raw)})
	k := h.learn(q)

	if q.event != nil || k.facts.At.Epoch != "log" || k.facts.Epoch != "next" || len(k.facts.Sessions) != 1 {
		t.Errorf("got %+v and %+v, want no event of the log before", q.event, k.facts)
	}
}
