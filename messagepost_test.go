package pull_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

func TestStreamSendsMessagesByPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, nil)
		defer a.stop(t)
		text, cursor := a.granted(t, "42", "TASK_7")
		s := a.stream(t, "42", presenting(cursor, text)+"&client=mine")
		defer s.close()
		s.hello(t)
		grant(t, a, "7", "TASK_7")
		receiver := connected(t, a, "7", "")
		post := func(client string) string {
			body, err := json.Marshal(saying("edit", "tag", "TASK_7"))
			if err != nil {
				t.Fatal(err)
			}
			return trimmed(a.do(t, http.MethodPost, "/pull/send", string(body), userHeader, "42", pull.HeaderClient, client))
		}

		if got, want := post("mine"), `{"n":5,"state":"ok"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got, want := post("other"), `{"n":5,"state":"forbidden"}`; got != want {
			t.Errorf("another page: got %s, want %s", got, want)
		}
		receiver.hearsOnly(t, a, "edit")
		for {
			_, messages := s.next(t)
			if m := messages[0]; m.Command == "edit" {
				t.Errorf("the sender got %+v", m)
			} else if m.Command == "last" {
				break
			}
		}
	})
}

func trimmed(r *http.Response) string { return strings.TrimSpace(text(r)) }

// A page that has a message is past it: it does not get it again from a node that
// reads the log later. One that was away never gets it.
func TestMessageIsNeverReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, b := pageNode(t, f), pageNode(t, f)
		defer a.stop(t)
		defer b.stop(t)
		for _, node := range []*app{a, b} {
			node.relays(t, func(context.Context, pull.Message) error { return nil })
		}
		sender, receiver := connected(t, a, "42", ""), a.dial(t, "7", "")
		at := cursorAt(receiver.hello(t))
		if got := sender.says(t, saying("typing", toUsers("7")...)); got != "ok" {
			t.Fatalf("got %q, want ok", got)
		}
		if got := receiver.hears(t); got.Command != "typing" {
			t.Fatalf("got %+v, want typing", got)
		}

		tick := receiver.next(t)
		_, position := a.granted(t, "42", "T")
		if got, want := cursorAt(tick), position; tick.Command != "tick" || got != want {
			t.Errorf("got %+v after the message, want a tick at %s", tick, want)
		}
		for _, cursor := range []string{at, cursorAt(tick)} {
			back := b.dial(t, "7", "?cursor="+cursor)
			if m := back.hello(t); m.Params["recovered"] != true {
				t.Errorf("got %+v, want recovered", m)
			}
			back.hearsOnly(t, b)
		}
	})
}

func TestMessageReachesPagesOnOtherNodesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, b := f.node(t), f.node(t)
		defer a.stop(t)
		defer b.stop(t)
		a.relays(t, func(context.Context, pull.Message) error { return nil })
		sender, receiver := connected(t, a, "42", ""), connected(t, b, "7", "")
		var want []string
		for i := range 15 {
			want = append(want, strconv.Itoa(i))
			if got := sender.says(t, saying(want[i], toUsers("7")...)); got != "ok" {
				t.Fatalf("got %q, want ok", got)
			}
		}
		synctest.Wait()

		receiver.hearsOnly(t, b, want...)
	})
}

func TestLateMessageIsDropped(t *testing.T) {
	for name, c := range map[string]struct {
		message map[string]any
		late    time.Duration
		want    []string
	}{
		"in time":              {saying("x", toUsers("7")...), 9 * time.Second, []string{"x"}},
		"after ten seconds":    {saying("x", toUsers("7")...), 12 * time.Second, nil},
		"in time, by request":  {saying("x", "users", []string{"7"}, "expiry", 60), 30 * time.Second, []string{"x"}},
		"too late, by request": {saying("x", "users", []string{"7"}, "expiry", 1), 3 * time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := f.node(t)
				defer a.stop(t)
				a.relays(t, func(context.Context, pull.Message) error { return nil })
				sender, receiver := connected(t, a, "42", ""), connected(t, a, "7", "")
				hold := make(chan struct{})
				f.set(func(f *faults) { f.hold = hold })
				if got := sender.says(t, c.message); got != "ok" {
					t.Fatalf("got %q, want ok", got)
				}

				pass(c.late)
				f.set(func(f *faults) { f.hold = nil })
				close(hold)
				synctest.Wait()

				receiver.hearsOnly(t, a, c.want...)
			})
		})
	}
}

func TestMessageIsRefusedWhileTheBrokerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		a.relays(t, func(context.Context, pull.Message) error { return nil })
		sender := connected(t, a, "42", "")
		f.set(func(f *faults) { f.err = errBroker })
		withSend(a, 1, pull.User("7"))
		a.get(t, "/send")
		synctest.Wait()

		if got := sender.says(t, saying("x", toUsers("7")...)); got != "busy" {
			t.Errorf("got %q, want busy", got)
		}
		f.set(func(f *faults) { f.err = nil })
		pass(3 * time.Second)
		if got := sender.says(t, saying("x", toUsers("7")...)); got != "ok" {
			t.Errorf("after the outage: got %q, want ok", got)
		}
	})
}

// The queue of the page is filled with events by more than a quarter, which it gets.
func TestSlowPageMissesMessagesAndNoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, func(c *pull.Config) { c.QueueBytes, c.EventBytes = 64<<10, 8<<10 })
		defer a.stop(t)
		sender := connected(t, a, "42", "")
		slow := connected(t, a, "7", "")
		say := func(command string) {
			if got := sender.says(t, saying(command, toUsers("7")...)); got != "ok" {
				t.Errorf("%s: got %q, want ok", command, got)
			}
			synctest.Wait()
		}
		say("early")
		for range 8 {
			sendEvent(t, a, pull.User("7"), event("event", pad(4<<10)))
			synctest.Wait()
		}
		say("missed")
		sendEvent(t, a, pull.User("7"), event("event", pad(4<<10)))
		synctest.Wait()

		var got []string
		for len(got) < 10 {
			got = append(got, slow.hears(t).Command)
		}
		say("late")
		got = append(got, slow.hears(t).Command)
		if want := "early " + strings.Repeat("event ", 9) + "late"; strings.Join(got, " ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if cut := a.Stats().Cut; cut != 0 {
			t.Errorf("%d pages were cut, want none", cut)
		}
	})
}

func TestHTMLStreamGetsNoMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, nil)
		defer a.stop(t)
		sender, p := connected(t, a, "42", ""), a.html(t, "7", "")
		defer p.close()
		if got := sender.says(t, saying("x", toUsers("7")...)); got != "ok" {
			t.Fatalf("got %q, want ok", got)
		}

		send(t, a, pull.User("7"), "last")

		for e := p.next(t); e.event != "pull:tasks:last"; e = p.next(t) {
			if strings.Contains(e.event, "im") || strings.Contains(e.data, "typing") {
				t.Errorf("got %+v", e)
			}
		}
	})
}

func TestSlowRelayDelaysOnlyItsPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, nil)
		defer a.stop(t)
		a.relays(t, func(ctx context.Context, m pull.Message) error {
			if m.From == "42" {
				<-ctx.Done()
			}
			return nil
		})
		slow, other := connected(t, a, "42", ""), connected(t, a, "7", "")
		slow.SetPingHandler(func(string) error { return nil }) // no one reads the answer
		start := time.Now()
		if err := slow.WriteJSON(map[string]any{"send": saying("x", toUsers("7")...)}); err != nil {
			t.Fatal(err)
		}

		if got := other.says(t, saying("y", toUsers("42")...)); got != "ok" || time.Since(start) != 0 {
			t.Errorf("another page: got %q after %s, want ok at once", got, time.Since(start))
		}
		if got := slow.sent(t); got != "busy" || time.Since(start) != 5*time.Second {
			t.Errorf("got %q after %s, want busy after 5s", got, time.Since(start))
		}
		other.hearsOnly(t, a)
	})
}

func TestShutdownEndsTheCallsOfRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, nil)
		var once sync.Once
		called := make(chan struct{})
		a.relays(t, func(ctx context.Context, _ pull.Message) error {
			once.Do(func() { close(called) })
			<-ctx.Done()
			return nil
		})
		p := connected(t, a, "42", "")
		if err := p.WriteJSON(map[string]any{"send": saying("x", toUsers("7")...)}); err != nil {
			t.Fatal(err)
		}
		<-called
		start := time.Now()

		p.read()
		a.stop(t)

		if took := time.Since(start); took != 0 {
			t.Errorf("the shutdown took %s, want no time", took)
		}
	})
}
