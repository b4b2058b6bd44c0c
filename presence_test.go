package pull_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// A diary records the calls of OnOnline and OnOffline.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) note(what string) func(string) {
	return func(user string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.entries = append(d.entries, what+" "+user)
	}
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.entries)
}

func newDiaryApp(t *testing.T) (*app, *diary) {
	t.Helper()
	d := new(diary)
	return newApp(t, func(c *pull.Config) { c.OnOnline, c.OnOffline = d.note("online"), d.note("offline") }), d
}

// quit closes a page and waits until the server has noticed.
func quit(p *page) {
	_ = p.Close()
	synctest.Wait()
}

func TestUserIsOnlineUntilTheGraceIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newDiaryApp(t)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		synctest.Wait()
		if !a.Presence().Online("42")["42"] {
			t.Error("offline with a session, want online")
		}
		quit(p)
		left := time.Now()

		pass(15 * time.Second)
		if !a.Presence().Online("42")["42"] {
			t.Error("offline at the end of the grace, want online until it is over")
		}
		pass(time.Millisecond)
		synctest.Wait()

		if a.Presence().Online("42")["42"] {
			t.Error("online after the grace, want offline")
		}
		if got, want := d.read(), []string{"online 42", "offline 42"}; !slices.Equal(got, want) {
			t.Errorf("the callbacks got %v, want %v", got, want)
		}
		if at, ok := a.Presence().LastSeen("42"); !ok || at.Sub(left) > 15*time.Second+time.Millisecond {
			t.Errorf("last seen %v %v, want about %v", at, ok, left)
		}
		if _, ok := a.Presence().LastSeen("7"); ok {
			t.Error("a stranger was seen")
		}
	})
}

func TestWithoutAGraceUsersLeaveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(diary)
		a := newApp(t, func(c *pull.Config) { c.PresenceGrace, c.OnOffline = -1, d.note("offline") })
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)

		quit(p)

		if got, want := d.read(), []string{"offline 42"}; !slices.Equal(got, want) {
			t.Errorf("the callbacks got %v, want %v", got, want)
		}
	})
}

func TestReloadSecondTabAndFlappingMakeNoNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newDiaryApp(t)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		for range 5 {
			quit(p)
			pass(14 * time.Second)
			p = a.dial(t, "42", "")
		}
		second := a.dial(t, "42", "")
		quit(second)
		go p.drain()
		pass(time.Minute)
		synctest.Wait()

		if got, want := d.read(), []string{"online 42"}; !slices.Equal(got, want) {
			t.Errorf("the callbacks got %v, want %v", got, want)
		}
	})
}

func TestCrashOfTheClientIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newDiaryApp(t)
		defer a.stop(t)
		p := a.dial(t, "42", "") // the page stays open, but reads and writes nothing any more
		p.SetPingHandler(func(string) error { return nil })
		go p.drain()

		pass(time.Minute + 16*time.Second)
		synctest.Wait()

		if got, want := d.read(), []string{"online 42", "offline 42"}; !slices.Equal(got, want) {
			t.Errorf("the callbacks got %v, want %v", got, want)
		}
	})
}

func TestHooksAreCalledInOrderAndHoldNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		d := new(diary)
		a := newApp(t, func(c *pull.Config) {
			c.OnOnline = func(user string) { <-release; d.note("online")(user) }
			c.OnOffline = d.note("offline")
		})
		defer a.stop(t)
		for user := range 3 {
			p := a.dial(t, strconv.Itoa(user), "")
			p.hello(t)
			quit(p)
			pass(16 * time.Second)
		}
		if err := a.Send(t.Context(), pull.Shared(), event("update", nil)); err != nil {
			t.Errorf("Send while a hook hangs: %v", err)
		}

		close(release)
		synctest.Wait()

		want := []string{"online 0", "offline 0", "online 1", "offline 1", "online 2", "offline 2"}
		if got := d.read(); !slices.Equal(got, want) {
			t.Errorf("the callbacks got %v, want %v", got, want)
		}
	})
}

func TestHookThatPanicsIsReportedAndStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, reports := new(diary), new(diary)
		a := newApp(t, func(c *pull.Config) {
			c.OnOnline = func(user string) {
				if user == "1" {
					panic("at the disco")
				}
				d.note("online")(user)
			}
			c.OnError = func(err error) { reports.note("error")(err.Error()) }
		})
		defer a.stop(t)

		a.dial(t, "1", "").hello(t)
		a.dial(t, "2", "").hello(t)
		synctest.Wait()

		if got, want := d.read(), []string{"online 2"}; !slices.Equal(got, want) {
			t.Errorf("the callbacks got %v, want %v", got, want)
		}
		if got := reports.read(); len(got) != 1 {
			t.Errorf("got reports %v, want one", got)
		}
	})
}

// online returns the next message about presence.
func (p *page) online(t *testing.T) message {
	t.Helper()
	for {
		if m := p.next(t); m.Module == "online" {
			return m
		}
	}
}

// onlineOf returns the next message about the presence of one user.
func (p *page) onlineOf(t *testing.T, user string) message {
	t.Helper()
	for {
		if m := p.online(t); m.Params["USER_ID"] == user {
			return m
		}
	}
}

// drain reads until the connection ends, which also answers pings.
func (p *page) drain() {
	for {
		if _, _, err := p.ReadMessage(); err != nil {
			return
		}
	}
}

func TestPagesHearOfOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Guests = true })
		defer a.stop(t)
		guest := a.dial(t, "", "")
		guest.hello(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		list := p.online(t)
		if users := list.Params["USERS"].(map[string]any); list.Command != "online_list" || users["42"] == nil || list.Params["GUESTS"] != 1.0 {
			t.Errorf("got %s %v, want an online_list with user 42 and one guest", list.Command, list.Params)
		}
		q := a.dial(t, "7", "")

		if m := p.onlineOf(t, "7"); m.Command != "user_online" {
			t.Errorf("got %s, want user_online", m.Command)
		}
		start := time.Now()
		quit(q)
		if m := p.onlineOf(t, "7"); m.Command != "user_offline" {
			t.Errorf("got %s, want user_offline", m.Command)
		}
		if got := time.Since(start); got < 15*time.Second || got > 17*time.Second {
			t.Errorf("notified after %s, want the grace and at most a second or two", got)
		}

		send(t, a, pull.Shared(), "last")
		for m := guest.next(t); m.Command != "last"; m = guest.next(t) {
			if m.Module == "online" {
				t.Errorf("a guest received %s", m.Command)
			}
		}
	})
}

func TestChangesWithinASecondLeaveTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		p.online(t)
		for user := range 20 {
			a.dial(t, fmt.Sprint("u", user), "")
		}

		first := p.onlineOf(t, "u0")

		if got := len(p.waiting); first.Command != "user_online" || got < 19 {
			t.Errorf("%s came with %d other changes in its frame, want user_online with 19", first.Command, got)
		}
	})
}

func TestOnlineScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nobody := newApp(t, func(c *pull.Config) { c.Online = pull.OnlineNobody })
		defer nobody.stop(t)
		staff := newApp(t, func(c *pull.Config) { c.Online = pull.OnlineWatchers("STAFF") })
		defer staff.stop(t)
		for _, user := range []string{"1", "2"} {
			grant(t, staff, user, "STAFF")
		}
		quiet := nobody.dial(t, "1", "")
		quiet.hello(t)
		first := staff.dial(t, "1", "")
		first.hello(t)
		first.online(t)
		stranger := staff.dial(t, "3", "")
		stranger.hello(t)
		nobody.dial(t, "2", "")
		staff.dial(t, "2", "")

		if m := first.onlineOf(t, "2"); m.Command != "user_online" {
			t.Errorf("a watcher received %s of user 2, want user_online", m.Command)
		}
		for name, p := range map[string]*page{"scope nobody": quiet, "no watcher": stranger} {
			if m := p.next(t); m.Module == "online" {
				t.Errorf("%s: received %s %v, want nothing about presence", name, m.Command, m.Params)
			}
		}
	})
}

func TestPageAsksWhenUsersWereSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		gone := a.dial(t, "7", "")
		quit(gone)
		drain := make(chan message, 100)
		go func() {
			defer close(drain)
			for {
				var batch []message
				if p.ReadJSON(&batch) != nil {
					return
				}
				for _, m := range batch {
					drain <- m
				}
			}
		}()
		pass(75 * time.Second)
		if err := p.WriteMessage(websocket.TextMessage, []byte(`{"seen":["42","7","8"]}`)); err != nil {
			t.Fatal(err)
		}

		for m := range drain {
			if m.Command != "seen" {
				continue
			}
			seven, _ := m.Params["7"].(float64)
			if m.Params["42"] != 0.0 || seven < 59 || seven > 61 || m.Params["8"] != nil {
				t.Errorf("got %v, want 42 now, 7 about a minute ago, 8 never", m.Params)
			}
			return
		}
	})
}

func TestPresenceInParallel(t *testing.T) {
	a := newApp(t, func(c *pull.Config) { c.PresenceGrace = -1 })
	defer a.stop(t)
	var users sync.WaitGroup
	for user := range 8 {
		users.Go(func() {
			for range 25 {
				p := a.dial(t, strconv.Itoa(user), "")
				p.hello(t)
				a.Presence().Online(strconv.Itoa(user))
				a.Presence().Users()
				a.Presence().LastSeen(strconv.Itoa(user))
				_ = p.Close()
			}
		})
	}
	users.Wait()
}

// A node that has missed messages of the log asks the others for their users.
func TestPresenceHealsAfterAHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker, c.PresenceGrace = f, -1 })
		b := newApp(t, func(c *pull.Config) { c.Broker, c.PresenceGrace = f, -1 })
		defer b.stop(t)
		defer a.stop(t)
		leaves, _ := a.fresh(t, "leaves")
		stays, _ := a.fresh(t, "stays")
		defer stays.leave()
		synctest.Wait()

		f.set(func(f *faults) { f.lose = 2 }) // both nodes miss the message that the user has left
		leaves.leave()
		synctest.Wait()
		comes, _ := a.fresh(t, "comes")
		defer comes.leave()
		pass(10 * time.Second)
		send(t, b, pull.User("9"), "after")
		synctest.Wait()

		for name, node := range map[string]*app{"a": a, "b": b} {
			if got, want := node.Presence().Users(), []string{"comes", "stays"}; !slices.Equal(got, want) {
				t.Errorf("node %s: got %v online, want %v", name, got, want)
			}
		}
	})
}

// A user who is away for longer than a deployment comes online again on return.
func TestShutdownTellsNobodyOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newDiaryApp(t)
		a.fresh(t, "1")
		a.stop(t)

		if got, want := d.read(), []string{"online 1"}; !slices.Equal(got, want) {
			t.Errorf("the callbacks got %v, want %v", got, want)
		}
	})
}

func TestOtherNodesTellWhoDoesNotComeBackFromAShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		d := new(diary)
		a := f.node(t)
		b := newApp(t, func(c *pull.Config) { c.Broker, c.OnOffline = f, d.note("offline") })
		defer b.stop(t)
		a.fresh(t, "gone")
		a.fresh(t, "moves")
		a.stop(t)
		b.fresh(t, "moves")

		pass(time.Minute)

		if got, want := d.read(), []string{"offline gone"}; !slices.Equal(got, want) {
			t.Errorf("the callbacks got %v, want %v", got, want)
		}
	})
}

// A node that receives nothing at all is the one that is cut off.
func TestNodeThatIsCutOffTakesNobodyForDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		d := new(diary)
		a := newApp(t, func(c *pull.Config) { c.Broker, c.OnOffline, c.OnOnline = f, d.note("offline"), d.note("online") })
		b := newApp(t, func(c *pull.Config) { c.Broker, c.OnOffline, c.OnOnline = f, d.note("offline"), d.note("online") })
		defer b.stop(t)
		defer a.stop(t)
		pa, _ := a.fresh(t, "1")
		pb, _ := b.fresh(t, "2")
		defer pa.leave()
		defer pb.leave()
		synctest.Wait()
		want := d.read()

		f.set(func(f *faults) { f.err, f.away = errBroker, errBroker })
		f.interrupt()
		pass(10 * time.Minute)
		f.set(func(f *faults) { f.err, f.away = nil, nil })
		pass(10 * time.Minute)

		if got := d.read(); !slices.Equal(got, want) {
			t.Errorf("the callbacks got %v, want %v as before", got, want)
		}
		if got := a.Presence().Users(); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("got %v online, want both", got)
		}
	})
}

// A page that connects right after an update has the changes of that update in its
// list of who is online, although the list is not made anew for every page.
func TestListOfUsersHasWhatTheLastUpdateSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil) // sends updates each second from now on
		defer a.stop(t)
		pass(500 * time.Millisecond)
		a.dial(t, "first", "").hello(t)
		pass(100 * time.Millisecond)
		a.dial(t, "second", "").hello(t)
		pass(600 * time.Millisecond) // and in between an update

		p := a.dial(t, "third", "")
		p.hello(t)

		m := p.next(t)
		users, _ := m.Params["USERS"].(map[string]any)
		for _, user := range []string{"first", "second"} {
			if _, listed := users[user]; m.Command != "online_list" || !listed {
				t.Errorf("got %s with %v, want a list with %s", m.Command, m.Params, user)
			}
		}
	})
}
