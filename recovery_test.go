package pull_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// A reading is what a page has read so far.
type reading struct {
	mu       sync.Mutex // guards what follows
	commands []string   // of the application's messages
	ids      []uint64
	hellos   []message
	tick     uint64
	err      error
	page     *page
}

// read has a page read, and answer pings, until its connection ends.
func (p *page) read() *reading {
	r := &reading{page: p}
	go func() {
		for r.take(p.ReadMessage()) {
		}
	}()
	return r
}

func (r *reading) take(_ int, frame []byte, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()

	var messages []message
	if err == nil {
		err = json.Unmarshal(frame, &messages)
	}
	r.err = err
	for _, m := range messages {
		switch {
		case m.ID > 0:
			r.commands, r.ids = append(r.commands, m.Command), append(r.ids, m.ID)
		case m.Command == "hello":
			r.hellos = append(r.hellos, m)
		case m.Command == "tick":
			offset, _ := m.Params["offset"].(float64)
			r.tick = uint64(offset)
		}
	}
	return err == nil
}

// wait returns what has been read when nothing moves any more.
func (r *reading) wait() (commands []string, hellos []message, err error) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()

	return slices.Clone(r.commands), slices.Clone(r.hellos), r.err
}

// sees fails unless exactly these messages have come, with no gap.
func (r *reading) sees(t *testing.T, want ...string) {
	t.Helper()
	commands, hellos, err := r.wait()
	if !slices.Equal(commands, want) {
		t.Errorf("got %q, want %q", commands, want)
	}
	if len(hellos) != 1 || err != nil {
		t.Errorf("got %d hellos and error %v, want 1 and none", len(hellos), err)
	}
}

// resume connects a page that was at a cursor, which must still be in the window.
func (a *app) resume(t *testing.T, user, cursor string) *reading {
	t.Helper()
	p := a.dial(t, user, "?cursor="+cursor)
	r := p.read()
	if _, hellos, _ := r.wait(); len(hellos) != 1 || hellos[0].Params["recovered"] != true {
		t.Fatalf("resumed at %s: got hellos %v, want recovered", cursor, hellos)
	}
	return r
}

// fresh connects a page and returns where it is.
func (a *app) fresh(t *testing.T, user string) (r *reading, cursor string) {
	t.Helper()
	r = a.dial(t, user, "").read()
	_, hellos, err := r.wait()
	if len(hellos) != 1 {
		t.Fatalf("connected: got hellos %v, error %v, want one", hellos, err)
	}
	return r, cursorAt(hellos[0])
}

// leave closes the page as a lost network does.
func (r *reading) leave() {
	_ = r.page.Close()
	synctest.Wait()
}

// stall connects a page that reads hello and then nothing more.
func (a *app) stall(t *testing.T, user string) (p *page, cursor string) {
	t.Helper()
	p = a.dial(t, user, "")
	return p, cursorAt(p.hello(t))
}

// pad is params that make an event so large.
func pad(bytes int) map[string]any { return map[string]any{"pad": strings.Repeat("x", bytes)} }

// rendered is the cursor of a page that a handler has just rendered.
func (a *app) rendered(t *testing.T, user string) string {
	t.Helper()
	response := a.get(t, "/page", userHeader, user)
	b := make([]byte, 100)
	n, _ := response.Body.Read(b)
	return string(b[:n])
}

// withPage adds a route that renders a page and grants the tags.
func (a *app) withPage(tags ...string) {
	a.echo.GET("/page", pull.Handler(func(c pull.Context) error {
		if len(tags) > 0 {
			if err := c.Pull().Watch(tags...); err != nil {
				return err
			}
		}
		return c.String(http.StatusOK, c.Pull().Cursor())
	}))
}

func TestNothingIsMissedBetweenRenderAndConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPage()
		send(t, a, pull.User("1"), "before")
		synctest.Wait()
		at := a.rendered(t, "1")
		send(t, a, pull.User("1"), "one")
		send(t, a, pull.Shared(), "two")
		send(t, a, pull.User("2"), "elsewhere")

		r := a.resume(t, "1", at)
		send(t, a, pull.User("1"), "three")

		r.sees(t, "one", "two", "three")
	})
}

func TestReconnectResumesFromTheLastMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p, at := a.fresh(t, "1")
		epoch, _, _ := strings.Cut(at, ".")
		send(t, a, pull.User("1"), "seen")
		p.sees(t, "seen")
		p.leave()
		send(t, a, pull.User("1"), "missed")

		r := a.resume(t, "1", epoch+"."+strconv.FormatUint(p.ids[0], 10))

		r.sees(t, "missed")
	})
}

func TestPagesJoinAtFullSpeedWithoutHoleOrRepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 3000
		a := newApp(t, nil)
		defer a.stop(t)
		p, at := a.fresh(t, "1")
		p.leave()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range total {
				send(t, a, pull.User("1"), strconv.Itoa(i))
			}
		}()
		var readings []*reading
		for range 20 {
			readings = append(readings, a.dial(t, "1", "?cursor="+at).read())
		}
		<-sent
		for i, r := range readings {
			commands, hellos, err := r.wait()
			for k, command := range commands {
				if command != strconv.Itoa(k) {
					t.Fatalf("page %d: got %s at place %d", i, command, k)
				}
			}
			if len(commands) != total || len(hellos) != 1 || err != nil {
				t.Errorf("page %d: got %d messages, %d hellos, error %v, want %d, 1 and none", i, len(commands), len(hellos), err, total)
			}
		}
	})
}

func TestTicksMoveTheCursorOfAQuietPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.WindowCount = 50 })
		defer a.stop(t)
		quiet, at := a.fresh(t, "1")
		epoch, _, _ := strings.Cut(at, ".")
		for range 100 {
			send(t, a, pull.User("2"), "noise")
		}
		pass(26 * time.Second)
		quiet.sees(t)
		quiet.leave()
		send(t, a, pull.User("1"), "missed")

		r := a.resume(t, "1", epoch+"."+strconv.FormatUint(quiet.tick, 10))

		r.sees(t, "missed")
	})
}

func TestPageIsToldOfAGap(t *testing.T) {
	wide := func(*pull.Config) {}
	noise := func(n int, params any) func(*testing.T, *app) {
		return func(t *testing.T, a *app) {
			for range n {
				if err := a.Send(t.Context(), pull.User("2"), event("noise", params)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	nothing := noise(1, nil)
	same := func(cursor string) string { return cursor }
	for _, test := range []struct {
		name      string
		configure func(*pull.Config)
		meanwhile func(*testing.T, *app)
		cursor    func(string) string
		recovered bool
	}{
		{"within the window", wide, nothing, same, true},
		{"over by age", func(c *pull.Config) { c.WindowAge = time.Minute }, func(t *testing.T, a *app) {
			send(t, a, pull.User("1"), "old")
			pass(2 * time.Minute)
		}, same, false},
		{"over by count", func(c *pull.Config) { c.WindowCount = 10 }, noise(11, nil), same, false},
		{"within count", func(c *pull.Config) { c.WindowCount = 10 }, noise(5, nil), same, true},
		{"over by bytes", func(c *pull.Config) { c.WindowBytes = 10_000 }, noise(11, pad(1000)), same, false},
		{"of another log", wide, nothing, func(string) string { return "other.1" }, false},
		{"of no log", wide, nothing, func(string) string { return "none.0" }, false},
		{"from the future", wide, nothing, func(c string) string { return c + "0000" }, false},
		{"from the near future", wide, nothing, func(c string) string { return strings.TrimRight(c, "0123456789") + "99" }, false},
		{"from the end of numbers", wide, nothing, func(c string) string {
			return strings.TrimRight(c, "0123456789") + "18446744073709551615"
		}, false},
		{"malformed", wide, nothing, func(string) string { return "-" }, false},
		{"without offset", wide, nothing, func(c string) string { return strings.TrimRight(c, "0123456789") }, false},
		{"negative", wide, nothing, func(c string) string { return strings.Replace(c, ".", ".-", 1) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, test.configure)
				defer a.stop(t)
				p, at := a.fresh(t, "1")
				p.leave()
				test.meanwhile(t, a)
				synctest.Wait()

				r := a.dial(t, "1", "?cursor="+test.cursor(at)).read()
				pass(2 * time.Second)
				send(t, a, pull.User("1"), "live")

				commands, hellos, _ := r.wait()
				if len(hellos) != 1 || hellos[0].Params["recovered"] != test.recovered {
					t.Errorf("got hellos %v, want one with recovered %t", hellos, test.recovered)
				}
				if !slices.Equal(commands, []string{"live"}) {
					t.Errorf("got %q, want what is sent after hello", commands)
				}
				if gaps := a.Stats().Gaps; (gaps == 1) == test.recovered {
					t.Errorf("got %d gaps in Stats", gaps)
				}
			})
		})
	}
}

func TestTTLEndsAReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p, at := a.fresh(t, "1")
		p.leave()
		short := event("short", nil)
		short.TTL = 10 * time.Second
		if err := a.Send(t.Context(), pull.User("1"), short); err != nil {
			t.Fatal(err)
		}
		send(t, a, pull.User("1"), "long")
		a.resume(t, "1", at).sees(t, "short", "long")
		pass(11 * time.Second)

		r := a.resume(t, "1", at)

		r.sees(t, "long")
	})
}

func TestWatchCountsFromTheRequestThatGrantedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPage("T")
		send(t, a, pull.Tag("T"), "before")
		synctest.Wait()
		at := a.rendered(t, "1")
		send(t, a, pull.Tag("T"), "after")

		r := a.resume(t, "1", at)

		r.sees(t, "after")
	})
}

// A slow broker orders the event before the grant of the page that waits for it.
func TestWatchHearsWhatOvertookItsGrant(t *testing.T) {
	for _, connect := range []string{"before the grant", "after the grant"} {
		t.Run(connect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := newApp(t, func(c *pull.Config) { c.Broker = f })
				b := newApp(t, func(c *pull.Config) { c.Broker = f }) // another node, with a faster way to the broker
				defer b.stop(t)
				defer a.stop(t)
				a.withPage("T")
				hold := make(chan struct{})
				f.set(func(f *faults) { f.hold = hold })
				at := a.rendered(t, "1")
				synctest.Wait() // the grant is on its way
				f.set(func(f *faults) { f.hold = nil })
				send(t, b, pull.Tag("T"), "overtook")
				var r *reading
				if connect == "before the grant" {
					r = a.resume(t, "1", at)
				}
				close(hold)
				synctest.Wait()
				if r == nil {
					r = a.resume(t, "1", at)
				}

				send(t, b, pull.Tag("T"), "followed")

				r.sees(t, "overtook", "followed")
			})
		})
	}
}

// A page that is past the message cannot have it in order any more.
func TestPageThatIsPastWhatOvertookAGrantIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		b := newApp(t, func(c *pull.Config) { c.Broker = f })
		defer b.stop(t)
		defer a.stop(t)
		a.withPage("T")
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		at := a.rendered(t, "1")
		synctest.Wait()
		f.set(func(f *faults) { f.hold = nil })
		r := a.resume(t, "1", at)
		send(t, b, pull.Tag("T"), "overtook")
		send(t, b, pull.User("1"), "newer")
		synctest.Wait()

		close(hold)

		_, hellos, _ := r.wait()
		if len(hellos) != 2 || hellos[1].Params["recovered"] != false {
			t.Errorf("got hellos %v, want a second one that tells of the gap", hellos)
		}
	})
}

func TestLostAcknowledgementsDoubleNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		b := newApp(t, func(c *pull.Config) { c.Broker = f })
		defer b.stop(t)
		defer a.stop(t)
		live, at := a.fresh(t, "1")
		elsewhere, _ := b.fresh(t, "1")
		f.set(func(f *faults) { f.acks = 3 })

		send(t, a, pull.User("1"), "once")
		send(t, a, pull.User("1"), "after")

		live.sees(t, "once", "after")
		elsewhere.sees(t, "once", "after")
		b.resume(t, "1", at).sees(t, "once", "after")
		if f.retries != 3 {
			t.Errorf("got %d failed Publishes, want 3", f.retries)
		}
	})
}

func TestBrokerThatReturnsHasLostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		f.set(func(f *faults) { f.err, f.away = errBroker, errBroker })
		f.interrupt()
		sent := make(chan error, 1)
		go func() { sent <- a.Send(context.Background(), pull.User("1"), event("waited", nil)) }()
		pass(30 * time.Second)
		r.sees(t)

		f.set(func(f *faults) { f.err, f.away = nil, nil })

		if err := <-sent; err != nil {
			t.Errorf("Send: got %v, want nil", err)
		}
		pass(5 * time.Second)
		r.sees(t, "waited")
	})
}

func TestBrokenLogIsTold(t *testing.T) {
	for name, fail := range map[string]func(*testing.T, *app, *faults){
		"hole": func(t *testing.T, a *app, f *faults) {
			f.set(func(f *faults) { f.lose = 1 })
			send(t, a, pull.User("1"), "lost")
		},
		"epoch": func(_ *testing.T, _ *app, f *faults) { f.newEpoch() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reported reports
				f := newFaults()
				a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = f, reported.add })
				defer a.stop(t)
				r, at := a.fresh(t, "1")
				send(t, a, pull.User("1"), "before")
				synctest.Wait()

				fail(t, a, f)
				pass(5 * time.Second)
				send(t, a, pull.User("1"), "after")

				commands, hellos, err := r.wait()
				if !slices.Equal(commands, []string{"before", "after"}) || err != nil {
					t.Errorf("got %q and %v, want before and after on one connection", commands, err)
				}
				if len(hellos) != 2 || hellos[1].Params["recovered"] != false {
					t.Fatalf("got hellos %v, want a second one with recovered false", hellos)
				}
				if !reported.contain("log broke") {
					t.Errorf("got reports %v, want one that says that the log broke", reported.list)
				}
				a.resume(t, "1", cursorAt(hellos[1])).sees(t, "after")
				old := a.dial(t, "1", "?cursor="+at).read()
				if _, hellos, _ := old.wait(); hellos[0].Params["recovered"] != false {
					t.Error("a cursor from before the break recovered")
				}
			})
		})
	}
}

// reports collects what OnError hears.
type reports struct {
	mu   sync.Mutex // guards list
	list []error
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.list = append(r.list, err)
}

func (r *reports) contain(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()

	return slices.ContainsFunc(r.list, func(err error) bool { return strings.Contains(err.Error(), text) })
}

// The offsets of the new log begin below the position from which a watch of
// the old one counts.
func TestWatchOutlivesItsLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		defer a.stop(t)
		for range 100 {
			send(t, a, pull.User("9"), "noise")
		}
		if err := a.Watch().Add("1", "T"); err != nil {
			t.Fatal(err)
		}
		f.newEpoch()
		pass(time.Second)
		send(t, a, pull.User("9"), "first")
		synctest.Wait()
		p, at := a.fresh(t, "1")
		p.leave()
		send(t, a, pull.Tag("T"), "missed")

		r := a.resume(t, "1", at)

		r.sees(t, "missed")
	})
}

func TestMessageBeforeAnUnwatchIsReplayedWhateverTheClocksSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		defer a.stop(t)
		if err := a.Watch().Add("1", "T"); err != nil {
			t.Fatal(err)
		}
		p, at := a.fresh(t, "1")
		p.leave()
		f.rewrite(sentAt(time.Now().Add(time.Second))) // by a node whose clock is ahead
		send(t, a, pull.Tag("T"), "before")
		f.rewrite(nil)
		if err := a.Watch().Delete("1", "T"); err != nil {
			t.Fatal(err)
		}

		r := a.resume(t, "1", at)
		send(t, a, pull.Tag("T"), "later")

		r.sees(t, "before")
	})
}

// sentAt changes the time in the envelope of events.
func sentAt(at time.Time) func([]byte) {
	return func(raw []byte) {
		if raw[1] == 1 {
			binary.BigEndian.PutUint64(raw[18:], uint64(at.UnixNano()))
		}
	}
}

func TestForeignTimesHarmNothing(t *testing.T) {
	for name, bits := range map[string]uint64{"least": 1 << 63, "most": 1<<63 - 1, "zero": 0, "minus one": ^uint64(0)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := newApp(t, func(c *pull.Config) { c.Broker = f })
				defer a.stop(t)
				r, at := a.fresh(t, "1")
				f.rewrite(func(raw []byte) {
					if raw[1] == 1 {
						binary.BigEndian.PutUint64(raw[18:], bits)
					}
				})
				send(t, a, pull.User("1"), "odd")
				f.rewrite(nil)
				send(t, a, pull.User("1"), "even")

				r.sees(t, "odd", "even")
				a.resume(t, "1", at).sees(t, "odd", "even")
			})
		})
	}
}

func TestForeignMessagesInTheLogHarmNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		defer a.stop(t)
		r, at := a.fresh(t, "1")
		for _, raw := range []string{"", "hello", strings.Repeat("\x00", 100), strings.Repeat("\xff", 100), "\x01\x01" + strings.Repeat("\xff", 60)} {
			if err := f.Publish(t.Context(), []byte(raw)); err != nil {
				t.Fatal(err)
			}
		}
		send(t, a, pull.User("1"), "ours")

		r.sees(t, "ours")
		a.resume(t, "1", at).sees(t, "ours")
	})
}

// The node that has forgotten another one must still know its messages.
func TestRetryAfterALongOutageDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		b := newApp(t, func(c *pull.Config) { c.Broker = f })
		defer b.stop(t)
		defer a.stop(t)
		r, _ := b.fresh(t, "1")
		f.set(func(f *faults) { f.acks = 1 }) // the log takes it, and a is not told
		go func() { _ = a.Send(context.Background(), pull.User("1"), event("once", nil)) }()
		synctest.Wait()
		f.set(func(f *faults) { f.err = errBroker }) // then it is out of reach
		pass(100 * time.Second)
		f.set(func(f *faults) { f.err = nil })
		pass(10 * time.Second)

		send(t, a, pull.User("1"), "after")

		r.sees(t, "once", "after")
	})
}

func TestExtensionThatWaitedForTheBrokerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		defer a.stop(t)
		if err := a.Watch().Add("1", "T"); err != nil {
			t.Fatal(err)
		}
		pass(31 * time.Minute)
		f.set(func(f *faults) { f.err = errBroker })
		if !a.Watch().Extend("1", "T")["T"] {
			t.Fatal("the watch has ended early")
		}
		pass(90 * time.Second)
		f.set(func(f *faults) { f.err = nil })
		pass(10 * time.Second)

		if users := a.Watch().Users("T"); !slices.Equal(users, []string{"1"}) {
			t.Errorf("got watchers %v, want the user whose extension was promised", users)
		}
	})
}

func TestPageThatMissedNothingIsToldNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/page", pull.Handler(func(c pull.Context) error {
			send(t, a, pull.Tag("T").Or(pull.User("1")), "one")
			r := a.resume(t, "1", c.Pull().Cursor())
			if err := c.Pull().Watch("T"); err != nil {
				return err
			}
			send(t, a, pull.Tag("T"), "two")
			r.sees(t, "one", "two")
			return c.NoContent(http.StatusNoContent)
		}))

		a.get(t, "/page", userHeader, "1")
	})
}

func TestSlowBrokerDelaysNoResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		defer a.stop(t)
		withSend(a, 1, pull.User("1"))
		r, _ := a.fresh(t, "1")
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		time.AfterFunc(10*time.Second, func() { close(hold) })
		start := time.Now()

		for range 3 {
			a.get(t, "/send")
		}

		if took := time.Since(start); took != 0 {
			t.Errorf("responses took %s, want none of the broker's 10 s", took)
		}
		pass(11 * time.Second)
		r.sees(t, "0", "0", "0")
	})
}

// withSend adds a route that sends so many events.
func withSend(a *app, n int, to pull.Target) {
	a.echo.GET("/send", pull.Handler(func(c pull.Context) error {
		for i := range n {
			if err := c.Pull().Send(to, event(strconv.Itoa(i), nil)); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusNoContent)
	}))
}

func TestFullQueueIsToldAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		defer a.stop(t)
		p, at := a.fresh(t, "1")
		p.leave()
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		accepted := 0
		a.echo.GET("/send", pull.Handler(func(c pull.Context) error {
			for range 5000 {
				if err := c.Pull().Send(pull.User("1"), event(strconv.Itoa(accepted), nil)); err != nil {
					c.Set("error", err)
					return c.String(http.StatusOK, err.Error())
				}
				accepted++
			}
			return c.NoContent(http.StatusNoContent)
		}))
		full := ""
		for i := 0; i < 100 && full == ""; i++ {
			response := a.get(t, "/send")
			b := make([]byte, 200)
			n, _ := response.Body.Read(b)
			full = string(b[:n])
		}
		if full != pull.ErrQueueFull.Error() {
			t.Fatalf("got %q after %d events, want %v", full, accepted, pull.ErrQueueFull)
		}

		f.set(func(f *faults) { f.hold = nil })
		close(hold)
		synctest.Wait()
		pass(time.Second)

		commands, _, _ := a.resume(t, "1", at).wait()
		for i, command := range commands {
			if command != strconv.Itoa(i) {
				t.Fatalf("got %s at place %d", command, i)
			}
		}
		if len(commands) != accepted {
			t.Errorf("got %d events, want the %d that were accepted", len(commands), accepted)
		}
	})
}

func TestSlowReaderIsCutAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.QueueBytes, c.EventBytes = 64<<10, 8<<10 })
		defer a.stop(t)
		other, _ := a.fresh(t, "2")
		slow, at := a.stall(t, "1")
		var want []string
		for i := range 40 {
			want = append(want, strconv.Itoa(i))
			if err := a.Send(t.Context(), pull.User("1", "2"), event(want[i], pad(4<<10))); err != nil {
				t.Fatal(err)
			}
			if commands, _, _ := other.wait(); len(commands) != i+1 {
				t.Fatalf("the other page has %d messages, want %d at once", len(commands), i+1)
			}
		}
		if cut := a.Stats().Cut; cut != 1 {
			t.Errorf("got %d sessions cut, want 1", cut)
		}
		var err error
		for err == nil {
			_, _, err = slow.ReadMessage()
		}
		if !websocket.IsCloseError(err, 4001) {
			t.Errorf("slow page: got %v, want close 4001", err)
		}

		back := a.resume(t, "1", at)

		back.sees(t, want...)
		other.sees(t, want...)
	})
}

func TestLongReplayLeavesInBoundedFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const missed, queue = 500, 64 << 10
		a := newApp(t, func(c *pull.Config) { c.QueueBytes, c.EventBytes = queue, 8<<10 })
		defer a.stop(t)
		gone, at := a.fresh(t, "1")
		gone.leave()
		for i := range missed { // 2 MB
			if err := a.Send(t.Context(), pull.User("1"), event(strconv.Itoa(i), pad(4<<10))); err != nil {
				t.Fatal(err)
			}
		}
		p := a.dial(t, "1", "?cursor="+at)
		largest, frames, r := 0, 0, new(reading)

		for len(r.commands) < missed {
			kind, frame, err := p.ReadMessage()
			if !r.take(kind, frame, err) {
				t.Fatalf("got %v after %d messages", r.err, len(r.commands))
			}
			largest, frames = max(largest, len(frame)), frames+1
		}

		if largest > queue || frames > missed/4 {
			t.Errorf("got %d frames of up to %d bytes, want few and none above %d", frames, largest, queue)
		}
		for i, command := range r.commands {
			if command != strconv.Itoa(i) {
				t.Fatalf("got %s at place %d", command, i)
			}
		}
	})
}

// A page that replays more slowly than the window moves cannot have all of it.
func TestReplayThatTheWindowOvertakesIsToldOfAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.QueueBytes, c.EventBytes, c.WindowCount = 64<<10, 8<<10, 100 })
		defer a.stop(t)
		gone, at := a.fresh(t, "1")
		epoch, _, _ := strings.Cut(at, ".")
		gone.leave()
		for i := range 90 {
			if err := a.Send(t.Context(), pull.User("1"), event(strconv.Itoa(i), pad(4<<10))); err != nil {
				t.Fatal(err)
			}
		}
		p := a.dial(t, "1", "?cursor="+at) // does not read yet
		synctest.Wait()
		for range 200 {
			send(t, a, pull.User("2"), "noise")
		}
		synctest.Wait() // the window has moved

		commands, hellos, err := p.read().wait()

		if len(commands) == 90 {
			t.Fatal("everything was replayed: the test does not test")
		}
		if len(hellos) != 1 || !websocket.IsCloseError(err, 4001) {
			t.Errorf("got %d hellos and %v, want one and close 4001", len(hellos), err)
		}
		for i, command := range commands {
			if command != strconv.Itoa(i) {
				t.Fatalf("got %s at place %d", command, i)
			}
		}
		back := a.dial(t, "1", "?cursor="+epoch+"."+strconv.Itoa(5+len(commands))).read()
		if _, hellos, _ := back.wait(); len(hellos) != 1 || hellos[0].Params["recovered"] != false {
			t.Errorf("got hellos %v on return, want one that tells of the gap", hellos)
		}
	})
}

// The application bans a user and then disconnects the user's pages: also the
// one that was let in a moment ago and waits for a log that is ahead.
func TestDisconnectReachesAPageThatIsStillConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		_, at := a.fresh(t, "9")
		r := a.dial(t, "1", "?cursor="+at+"00").read()
		synctest.Wait()

		a.Disconnect("1")
		pass(10 * time.Second)

		if _, _, err := r.wait(); !websocket.IsCloseError(err, 4003) {
			t.Errorf("got %v, want close 4003", err)
		}
	})
}

// What a socket has taken half of must be followed by the rest.
func TestSlowReaderOnARealSocketIsToldWhy(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: a.echo, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()
	a.echo.GET("/burst", pull.Handler(func(c pull.Context) error {
		for range 200 {
			if err := c.Pull().Send(pull.User("1"), event("x", pad(60_000))); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusNoContent)
	}))
	conn, response, err := websocket.DefaultDialer.Dial("ws://"+l.Addr().String()+"/pull", http.Header{userHeader: {"1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = response.Body.Close()
	_, _, _ = conn.ReadMessage()
	a.get(t, "/burst")

	for count := 0; count < 200; {
		_, frame, err := conn.ReadMessage()
		if websocket.IsCloseError(err, 4001) {
			return
		}
		var messages []message
		if err = errors.Join(err, json.Unmarshal(frame, &messages)); err != nil {
			t.Fatalf("got %v after %d messages, want all 200 or close 4001", err, count)
		}
		for _, m := range messages {
			if m.ID > 0 {
				count++
			}
		}
	}
}

func TestThousandStalledPagesTakeBoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages, queue = 1000, 32 << 10
		a := newApp(t, func(c *pull.Config) {
			c.QueueBytes, c.EventBytes, c.Online = queue, 8<<10, pull.OnlineNobody
			c.WindowBytes = 1 << 20
		})
		defer a.stop(t)
		for i := range pages {
			a.stall(t, strconv.Itoa(i))
		}
		before := heap()
		most := uint64(0)
		for range 20 { // two and a half times what may wait
			if err := a.Send(t.Context(), pull.Shared(), event("x", pad(4<<10))); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			most = max(most, heap())
		}

		if cut := a.Stats().Cut; cut != pages {
			t.Errorf("got %d pages cut, want %d", cut, pages)
		}
		// The messages are shared: what waits for a thousand pages is one copy.
		if grown := int64(most) - int64(before); grown > pages*queue/2 {
			t.Errorf("the heap has grown by %d bytes, want far less than %d", grown, pages*queue)
		}
		pass(10 * time.Second)
		if left := a.Stats().Sessions; left != 0 {
			t.Errorf("got %d sessions, want none that has not read for 10 s after the cut", left)
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// The window bounds what is remembered, not what is under way.
func TestBurstBeyondTheWindowReachesLivePages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const burst = 2000
		a := newApp(t, func(c *pull.Config) { c.WindowCount = 100 })
		defer a.stop(t)
		withSend(a, burst, pull.User("1"))
		addressed, _ := a.fresh(t, "1")
		beside, _ := a.fresh(t, "2")

		a.get(t, "/send")
		synctest.Wait()

		if commands, hellos, err := addressed.wait(); len(commands) != burst || len(hellos) != 1 || err != nil {
			t.Errorf("got %d messages, %d hellos, error %v, want %d, 1 and none", len(commands), len(hellos), err, burst)
		}
		beside.sees(t)
	})
}

func TestEventLargerThanTheWindowIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.WindowBytes = 1024 })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")

		if err := a.Send(t.Context(), pull.User("1"), event("large", pad(2000))); err != nil {
			t.Fatal(err)
		}

		r.sees(t, "large")
	})
}

func TestShutdownDeliversFirstAndSaysComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker = f })
		withSend(a, 3, pull.User("1"))
		r, _ := a.fresh(t, "1")
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		a.get(t, "/send")
		time.AfterFunc(3*time.Second, func() { close(hold) })

		a.stop(t)

		commands, _, err := r.wait()
		if !slices.Equal(commands, []string{"0", "1", "2"}) || !websocket.IsCloseError(err, 1012) {
			t.Errorf("got %q and %v, want all three and close 1012", commands, err)
		}
		if err := a.Send(t.Context(), pull.User("1"), event("x", nil)); !errors.Is(err, pull.ErrClosed) {
			t.Errorf("Send afterwards: got %v, want %v", err, pull.ErrClosed)
		}
	})
}

func TestShutdownIsBoundedByItsContext(t *testing.T) {
	for _, stalled := range []string{"broker", "page", "stream"} {
		t.Run(stalled, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := newApp(t, func(c *pull.Config) { c.Broker = f })
				withSend(a, 100, pull.User("1"))
				a.stall(t, "1")
				if stalled == "stream" {
					a.stream(t, "1", "")
				}
				hold := make(chan struct{})
				if stalled == "broker" {
					f.set(func(f *faults) { f.hold = hold })
				}
				a.get(t, "/send")
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()

				err := a.Shutdown(ctx)

				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("took %s, want no more than 2s", took)
				}
				if err == nil {
					t.Error("got nil, want an error that says what was cut off")
				}
				close(hold)
				a.stop(t)
			})
		})
	}
}

func TestShutdownWaitsForNoPageThatIsStillConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		_, at := a.fresh(t, "1")
		r := a.dial(t, "2", "?cursor="+at+"00").read() // ahead of the log: waits for it
		synctest.Wait()
		start := time.Now()

		a.stop(t)

		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %s", took)
		}
		if _, _, err := r.wait(); !websocket.IsCloseError(err, 1012) {
			t.Errorf("got %v, want close 1012", err)
		}
	})
}

// What is said after the farewell does not take it back.
func TestShutdownHearsItsFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker, c.PresenceGrace = f, time.Second })
		p, _ := a.fresh(t, "1")
		pass(time.Second)
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		ended := make(chan error)
		go func() { ended <- a.Shutdown(t.Context()) }()
		synctest.Wait() // the farewell is on its way
		p.leave()
		pass(2 * time.Second) // the user's grace is over: one more message
		f.set(func(f *faults) { f.hold = nil })

		close(hold)

		if err := <-ended; err != nil {
			t.Errorf("got %v, want nil", err)
		}
		a.stop(t)
	})
}

func TestFlushAfterAShutdownThatGaveUpIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		entered, leave := make(chan struct{}), make(chan struct{})
		var flushed error
		a.echo.GET("/long", pull.Handler(func(c pull.Context) error {
			if err := c.Pull().Send(pull.User("2"), event("x", nil)); err != nil {
				return err
			}
			close(entered)
			<-leave
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			flushed = c.Pull().Flush(ctx)
			return c.NoContent(http.StatusNoContent)
		}))
		done := make(chan struct{})
		go func() { defer close(done); a.get(t, "/long") }()
		<-entered
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Shutdown(ctx); err == nil {
			t.Error("Shutdown: got nil, want an error: the request goes on")
		}

		close(leave)
		<-done

		if !errors.Is(flushed, pull.ErrClosed) {
			t.Errorf("Flush: got %v, want %v", flushed, pull.ErrClosed)
		}
		a.stop(t)
	})
}

func TestPlannedRestartLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		keep := func(c *pull.Config) { c.StateFile = file }
		a := newApp(t, keep)
		a.withPage("T")
		at := a.rendered(t, "1")
		send(t, a, pull.User("1"), "one")
		send(t, a, pull.Tag("T"), "two")
		a.stop(t)
		pass(3 * time.Second)

		a = newApp(t, keep)
		defer a.stop(t)
		send(t, a, pull.Tag("T"), "three")
		r := a.resume(t, "1", at)
		send(t, a, pull.Shared(), "four")

		r.sees(t, "one", "two", "three", "four")
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is still there (%v): after a crash it would be taken for the log", err)
		}
	})
}

func TestQuietPageIsStillThereAfterManyRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		keep := func(c *pull.Config) { c.StateFile = file }
		a := newApp(t, keep)
		if err := a.Watch().Add("1", "T"); err != nil {
			t.Fatal(err)
		}
		p, at := a.fresh(t, "1")
		p.leave()
		for i := range 5 {
			send(t, a, pull.Tag("T"), strconv.Itoa(i))
			a.stop(t)
			pass(time.Second)
			a = newApp(t, keep)
		}
		defer a.stop(t)

		r := a.resume(t, "1", at)

		r.sees(t, "0", "1", "2", "3", "4")
	})
}

func TestCrashIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		keep := func(c *pull.Config) { c.StateFile = file }
		a := newApp(t, keep)
		a.stop(t)
		a = newApp(t, keep) // has taken the file; then it is gone without a word
		p, at := a.fresh(t, "1")
		p.leave()
		send(t, a, pull.User("1"), "lost")

		b := newApp(t, keep)
		r := b.dial(t, "1", "?cursor="+at).read()

		_, hellos, _ := r.wait()
		if len(hellos) != 1 || hellos[0].Params["recovered"] != false {
			t.Errorf("got hellos %v, want one that tells of a gap", hellos)
		}
		b.stop(t)
		a.stop(t)
	})
}

func TestUnusableStateFileIsAReportedGap(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":        func([]byte) []byte { return nil },
		"foreign":      func([]byte) []byte { return []byte("-----BEGIN CERTIFICATE-----") },
		"half-written": func(b []byte) []byte { return b[:len(b)/2] },
		"cut header":   func(b []byte) []byte { return b[:20] },
		"damaged":      func(b []byte) []byte { b[len(b)-20] ^= 1; return b },
		"longer":       func(b []byte) []byte { return append(b, 0) },
		"other version": func(b []byte) []byte {
			return []byte(strings.Replace(string(b), "state 1", "state 2", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reported reports
				file := filepath.Join(t.TempDir(), "state")
				keep := func(c *pull.Config) { c.StateFile, c.OnError = file, reported.add }
				a := newApp(t, keep)
				p, at := a.fresh(t, "1")
				p.leave()
				send(t, a, pull.User("1"), "one")
				a.stop(t)
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, damage(content), 0o600); err != nil {
					t.Fatal(err)
				}

				a = newApp(t, keep)
				defer a.stop(t)
				r := a.dial(t, "1", "?cursor="+at).read()

				if _, hellos, _ := r.wait(); len(hellos) != 1 || hellos[0].Params["recovered"] != false {
					t.Errorf("got hellos %v, want one that tells of a gap", hellos)
				}
				if !reported.contain("state file") {
					t.Errorf("got reports %v, want one of the state file", reported.list)
				}
				send(t, a, pull.User("1"), "ours")
				if commands, _, _ := r.wait(); !slices.Equal(commands, []string{"ours"}) {
					t.Errorf("got %q, want what is sent now", commands)
				}
			})
		})
	}
}

func TestStateFileThatCannotBeWrittenIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.StateFile = filepath.Join(t.TempDir(), "missing", "state") })

		err := a.Shutdown(t.Context())

		if err == nil || !strings.Contains(err.Error(), "save state") {
			t.Errorf("got %v, want an error that names the state", err)
		}
		a.stop(t)
	})
}

// faults is a broker that fails on demand, around a log that does not.
type faults struct {
	mu      sync.Mutex // guards what follows
	log     *pull.Memory
	err     error                      // Publish fails and takes nothing
	acks    int                        // so many Publishes take the messages and fail all the same
	away    error                      // Subscribe fails
	edit    func(message []byte)       // changes what Publish takes
	hold    chan struct{}              // Publish waits for it to be closed
	lose    int                        // so many deliveries are left out
	running map[int]context.CancelFunc // ends a subscription
	begun   int                        // subscriptions
	taken   int                        // messages that Publish was given
	retries int                        // Publishes that failed
}

var errBroker = errors.New("broker is down")

func newFaults() *faults {
	return &faults{log: new(pull.Memory), running: make(map[int]context.CancelFunc)}
}

func (f *faults) Publish(ctx context.Context, messages ...[]byte) error {
	f.mu.Lock()
	ordered, hold, edit, err, lost := f.log, f.hold, f.edit, f.err, f.acks > 0
	if f.acks > 0 {
		f.acks--
	}
	if err != nil || lost {
		f.retries++
	}
	f.taken += len(messages)
	f.mu.Unlock()

	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	// A retry changes the name in the message, as the contract allows.
	copies := make([][]byte, len(messages))
	for i, m := range messages {
		copies[i] = append([]byte(nil), m...)
		if edit != nil {
			edit(copies[i])
		}
	}
	if err := ordered.Publish(ctx, copies...); err != nil {
		return err
	}
	if lost {
		return errBroker
	}
	return nil
}

func (f *faults) Subscribe(ctx context.Context, window time.Duration, deliver func(string, uint64, []byte)) error {
	f.mu.Lock()
	ordered, away := f.log, f.away
	inner, cancel := context.WithCancel(ctx)
	number := f.begun
	f.begun++
	f.running[number] = cancel
	f.mu.Unlock()

	defer f.set(func(f *faults) { delete(f.running, number) })
	defer cancel()
	if away != nil {
		return away
	}
	err := ordered.Subscribe(inner, window, func(epoch string, offset uint64, message []byte) {
		if inner.Err() == nil && !f.loses() {
			deliver(epoch, offset, message)
		}
	})
	if ctx.Err() != nil {
		return err
	}
	return errBroker
}

func (f *faults) loses() bool {
	f.mu.Lock()
	defer f.mu.Unlock()

	if f.lose > 0 {
		f.lose--
		return true
	}
	return false
}

// set changes how the broker fails.
func (f *faults) set(change func(*faults)) {
	f.mu.Lock()
	defer f.mu.Unlock()

	change(f)
}

func (f *faults) rewrite(edit func([]byte)) { f.set(func(f *faults) { f.edit = edit }) }

// interrupt ends the running subscriptions.
func (f *faults) interrupt() {
	f.set(func(f *faults) {
		for _, cancel := range f.running {
			cancel()
		}
	})
}

// newEpoch loses the log.
func (f *faults) newEpoch() {
	f.set(func(f *faults) { f.log = new(pull.Memory) })
	f.interrupt()
}

func send(t *testing.T, a *app, to pull.Target, command string) {
	t.Helper()
	if err := a.Send(t.Context(), to, event(command, nil)); err != nil {
		t.Fatalf("send %s: %v", command, err)
	}
}

// cursorAt is where a page is after the hello of a connection without a cursor.
func cursorAt(hello message) string {
	epoch, _ := hello.Params["epoch"].(string)
	offset, _ := hello.Params["offset"].(float64)
	return epoch + "." + strconv.FormatUint(uint64(offset), 10)
}
