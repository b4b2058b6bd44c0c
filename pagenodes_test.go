package pull_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// pageNode starts a node of an application whose pages watch tags themselves.
func pageNode(t *testing.T, log pull.Broker) *app {
	t.Helper()
	a := newApp(t, func(c *pull.Config) {
		c.Broker, c.Guests, c.Secret = log, true, bytes.Repeat([]byte("s"), 32)
	})
	a.withGrants()
	return a
}

// watchingPage connects a page of a user that watches a tag.
func (a *app) watchingPage(t *testing.T, user, tag string) *reading {
	t.Helper()
	grant, cursor := a.granted(t, user, tag)
	p := a.dial(t, user, presenting(cursor, grant))
	if state := p.grants(t)[grant].State; state != "ok" {
		t.Fatalf("got %q, want ok", state)
	}
	return p.read()
}

// isAt checks which pages watch a tag on all nodes, after a few seconds.
func isAt(t *testing.T, nodes []*app, tag string, pages int, users ...string) {
	t.Helper()
	pass(3 * time.Second)
	synctest.Wait()
	for i, a := range nodes {
		if got := a.Watch().Pages(tag); got != pages {
			t.Errorf("node %d: %d pages watch %s, want %d", i, got, tag, pages)
		}
		if got := a.Presence().At(tag); !slices.Equal(got, users) {
			t.Errorf("node %d: %q are at %s, want %q", i, got, tag, users)
		}
	}
}

func TestNodesKnowTheWatchesOfAllPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(pull.Memory)
		nodes := []*app{pageNode(t, log), pageNode(t, log)}
		first := nodes[0].watchingPage(t, "42", "A")
		second := nodes[0].watchingPage(t, "42", "A")
		nodes[1].watchingPage(t, "42", "A")
		nodes[1].watchingPage(t, "7", "A")
		guest := nodes[1].watchingPage(t, "", "A")
		isAt(t, nodes, "A", 5, "42", "7")
		isAt(t, nodes, "B", 0)

		nodes = append(nodes, pageNode(t, log)) // learns from the others
		isAt(t, nodes, "A", 5, "42", "7")
		first.leave()
		isAt(t, nodes, "A", 4, "42", "7")
		second.leave()
		guest.leave()
		isAt(t, nodes, "A", 2, "42", "7")

		nodes[1].stop(t)
		nodes = slices.Delete(nodes, 1, 2)
		isAt(t, nodes, "A", 0)
		for _, a := range nodes {
			a.stop(t)
		}
	})
}

func TestWatchesOfANodeThatDiesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := pageNode(t, f)
		defer a.stop(t)
		dead := newFaults() // another way to the same log
		dead.log = f.log
		b := pageNode(t, dead)
		defer func() { dead.set(func(f *faults) { f.err, f.away = nil, nil }); b.stop(t) }()
		b.watchingPage(t, "42", "A")
		isAt(t, []*app{a}, "A", 1, "42")

		dead.set(func(f *faults) { f.err, f.away = errBroker, errBroker })
		dead.interrupt()
		pass(2 * time.Minute)
		isAt(t, []*app{a}, "A", 0)

		dead.set(func(f *faults) { f.err, f.away = nil, nil })
		pass(time.Minute)
		isAt(t, []*app{a, b}, "A", 1, "42")
	})
}

// A node that has missed a message does not keep what it says.
func TestWatchesOfPagesHealAfterAHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		nodes := []*app{pageNode(t, f), pageNode(t, f)}
		defer stopAll(t, nodes)
		leaves := nodes[0].watchingPage(t, "leaves", "A")
		stays := nodes[0].watchingPage(t, "stays", "A")
		defer stays.leave()
		isAt(t, nodes, "A", 2, "leaves", "stays")

		leaves.leave()
		f.set(func(f *faults) { f.lose = 2 }) // both nodes miss the next message
		isAt(t, nodes[:1], "A", 1, "stays")
		send(t, nodes[1], pull.User("9"), "after")
		pass(20 * time.Second)

		isAt(t, nodes, "A", 1, "stays")
	})
}

func TestNewsOfPagesAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		nodes := []*app{pageNode(t, f), pageNode(t, f)}
		defer stopAll(t, nodes)
		p := nodes[0].watchingPage(t, "42", "A")
		defer p.leave()
		pass(5 * time.Second)
		synctest.Wait()
		before := f.count()
		for i := range 20 {
			grant, _ := nodes[0].granted(t, "42", fmt.Sprint("T", i))
			for range 3 {
				p.page.asks(t, "watch", grant)
				p.page.asks(t, "unwatch", grant)
				pass(200 * time.Millisecond)
			}
			pass(4 * time.Second)
		}

		if got := f.count() - before; got > 40 {
			t.Errorf("%d messages in the log, want at most one a second in which something changed, and signs of life", got)
		}
		isAt(t, nodes, "A", 1, "42")
		isAt(t, nodes, "T0", 0)
	})
}

// Messages about many pages are bounded, and the rest follows.
func TestManyWatchesOfPagesReachTheOtherNodesInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(pull.Memory)
		nodes := []*app{pageNode(t, log), pageNode(t, log)}
		defer stopAll(t, nodes)
		long := string(bytes.Repeat([]byte("u"), 240))
		var users []string
		for i := range 300 {
			user := fmt.Sprintf("%s%03d", long, i)
			nodes[0].watchingPage(t, user, "A")
			users = append(users, user)
		}
		pass(5 * time.Second)

		isAt(t, nodes, "A", 300, users...)
	})
}

// A page that moves to another node misses nothing.
func TestPageWatchesOnAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(pull.Memory)
		nodes := []*app{pageNode(t, log), pageNode(t, log)}
		defer stopAll(t, nodes)
		grant, cursor := nodes[0].granted(t, "", "A")
		p := nodes[0].dial(t, "", presenting(cursor, grant))
		renewed := p.grants(t)[grant].Grant
		quit(p)
		send(t, nodes[0], pull.Tag("A"), "missed")
		synctest.Wait()

		p = nodes[1].dial(t, "", presenting(cursor, renewed))

		if got := p.grants(t)[renewed].State; got != "ok" {
			t.Errorf("got %q, want ok", got)
		}
		p.gets(t, nodes[1], "missed")
	})
}

// A page that was notified that the log is another one keeps its watches.
func TestWatchOfAPageOutlivesItsLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := pageNode(t, f)
		defer a.stop(t)
		grant, cursor := a.granted(t, "", "A")
		p := a.dial(t, "", presenting(cursor, grant))
		renewed := p.grants(t)[grant].Grant

		f.newEpoch()
		pass(5 * time.Second)
		send(t, a, pull.User("9"), "in.the.new.log")
		send(t, a, pull.Tag("A"), "live")
		synctest.Wait()
		hello := p.control(t)
		for hello.Command != "hello" {
			hello = p.control(t)
		}
		at := p.event(t)
		quit(p)
		send(t, a, pull.Tag("A"), "missed")
		synctest.Wait()
		p = a.dial(t, "", presenting(fmt.Sprint(hello.Params["epoch"], ".", at.ID), renewed))

		if o := p.grants(t)[renewed]; at.Command != "live" || o.State != "ok" {
			t.Errorf("got %s live, and %q for the grant, want live and ok", at.Command, o.State)
		}
		p.gets(t, a, "missed")
	})
}
