package pull_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// txApp returns an application whose route /act runs a handler.
func txApp(t *testing.T, handler func(pull.Context) error, configure func(*pull.Config)) *app {
	t.Helper()
	a := newApp(t, configure)
	a.echo.POST("/act", pull.Handler(handler))
	return a
}

// act makes a request, whose result is not looked at.
func (a *app) act(t *testing.T) { a.do(t, http.MethodPost, "/act", "", userHeader, "1") }

func TestEventOfACommittedTransactionLeavesWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTxBroker()
		a := txApp(t, func(c pull.Context) error {
			tx := b.begin()
			if err := c.Pull().SendTx(tx, pull.User("1"), event("saved", nil)); err != nil {
				return err
			}
			tx.commit()
			return c.NoContent(http.StatusNoContent)
		}, func(c *pull.Config) { c.Broker = b })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		began := time.Now()

		a.act(t)

		r.sees(t, "saved")
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v, want no wait for the next poll", took)
		}
	})
}

func TestTransactionDecidesNotTheHandler(t *testing.T) {
	for name, c := range map[string]struct {
		handler func(c pull.Context, b txBroker) error
		want    []string
	}{
		"rolled back, and the handler succeeds": {func(c pull.Context, b txBroker) error {
			return c.Pull().SendTx(b.begin(), pull.User("1"), event("lost", nil))
		}, nil},
		"committed, and the handler fails": {func(c pull.Context, b txBroker) error {
			tx := b.begin()
			err := c.Pull().SendTx(tx, pull.User("1"), event("saved", nil))
			tx.commit()
			return errors.Join(err, errors.New("the handler fails"))
		}, []string{"saved"}},
		"committed, and the handler panics": {func(c pull.Context, b txBroker) error {
			tx := b.begin()
			_ = c.Pull().SendTx(tx, pull.User("1"), event("saved", nil))
			tx.commit()
			panic(http.ErrAbortHandler)
		}, []string{"saved"}},
		"committed, and discarded": {func(c pull.Context, b txBroker) error {
			tx := b.begin()
			err := errors.Join(c.Pull().Send(pull.User("1"), event("discarded", nil)), c.Pull().SendTx(tx, pull.User("1"), event("saved", nil)))
			tx.commit()
			c.Pull().Discard()
			return err
		}, []string{"saved"}},
		"to nobody": {func(c pull.Context, b txBroker) error {
			tx := b.begin()
			defer tx.commit()
			return c.Pull().SendTx(tx, pull.User(), event("nobody", nil))
		}, nil},
		"with one key": {func(c pull.Context, b txBroker) error {
			tx := b.begin()
			defer tx.commit()
			keyed := func(command string) pull.Event { return pull.Event{Module: "tasks", Command: command, Key: "k"} }
			return errors.Join(
				c.Pull().SendTx(tx, pull.User("1"), keyed("first")),
				c.Pull().SendTx(tx, pull.Shared(), keyed("other")),
				c.Pull().SendTx(tx, pull.User("1"), keyed("last")),
			)
		}, []string{"other", "last"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTxBroker()
				a := txApp(t, func(ctx pull.Context) error { return c.handler(ctx, b) }, func(c *pull.Config) { c.Broker = b })
				defer a.stop(t)
				r, _ := a.fresh(t, "1")
				r2, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://app.test/act", nil)
				if err != nil {
					t.Fatal(err)
				}
				if response, err := a.client.Do(r2); err == nil { // a panic has no response
					_ = response.Body.Close()
				}

				r.sees(t, c.want...)
			})
		})
	}
}

// The keys of different requests are different.
func TestEventsWithAKeyOfTwoRequestsBothLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTxBroker()
		tx := b.begin()
		a := txApp(t, func(c pull.Context) error {
			return c.Pull().SendTx(tx, pull.User("1"), pull.Event{Module: "tasks", Command: "saved", Key: "k"})
		}, func(c *pull.Config) { c.Broker = b })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")

		a.act(t)
		a.act(t)
		tx.commit()
		pass(time.Second)

		r.sees(t, "saved", "saved")
	})
}

func TestEventOfATransactionOutsideARequestLeavesWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTxBroker()
		a := newApp(t, func(c *pull.Config) { c.Broker = b })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		tx := b.begin()
		if err := a.SendTx(t.Context(), tx, pull.User("1"), event("late", nil)); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute) // a long transaction
		r.sees(t)

		tx.commit()
		pass(time.Second)

		r.sees(t, "late")
	})
}

func TestSendTxReturnsWhatIsWrongAtTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTxBroker()
		errTx := errors.New("the transaction is aborted")
		var late *pull.Outbox
		var a *app
		a = txApp(t, func(c pull.Context) error {
			late = c.Pull()
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			huge := pull.Event{Module: "tasks", Command: "huge", Params: strings.Repeat("x", 64<<10)}
			for _, row := range []struct {
				name string
				got  error
				want error
			}{
				{"module", c.Pull().SendTx(b.begin(), pull.User("1"), pull.Event{Module: "other", Command: "x"}), pull.ErrUnknownModule},
				{"size", c.Pull().SendTx(b.begin(), pull.User("1"), huge), pull.ErrTooLarge},
				{"transaction", c.Pull().SendTx(&fakeTx{err: errTx}, pull.User("1"), event("x", nil)), errTx},
				{"typed nil", c.Pull().SendTx((*sql.Tx)(nil), pull.User("1"), event("x", nil)), nil},
				{"database", c.Pull().SendTx(new(sql.DB), pull.User("1"), event("x", nil)), nil},
				{"no transaction", c.Pull().SendTx(nil, pull.User("1"), event("x", nil)), nil},
				{"ended context", a.SendTx(ended, b.begin(), pull.User("1"), event("x", nil)), context.Canceled},
			} {
				if row.got == nil || row.want != nil && !errors.Is(row.got, row.want) {
					t.Errorf("%s: got %v, want %v", row.name, row.got, row.want)
				}
			}
			var params *pull.ParamsError
			if err := c.Pull().SendTx(b.begin(), pull.User("1"), event("x", func() {})); !errors.As(err, &params) {
				t.Errorf("params: got %v, want a ParamsError", err)
			}
			if err := c.Pull().SendTx(b.begin(), pull.Tag(""), event("x", nil)); err == nil {
				t.Error("empty tag: got nil, want an error")
			}
			return nil
		}, func(c *pull.Config) { c.Broker = b })
		a.act(t)
		if err := late.SendTx(b.begin(), pull.User("1"), event("x", nil)); !errors.Is(err, pull.ErrTooLate) {
			t.Errorf("after the request: got %v, want ErrTooLate", err)
		}
		if err := pull.From(t.Context()).SendTx(b.begin(), pull.User("1"), event("x", nil)); !errors.Is(err, pull.ErrNoOutbox) {
			t.Errorf("without an outbox: got %v, want ErrNoOutbox", err)
		}
		a.stop(t)
		if err := a.SendTx(t.Context(), b.begin(), pull.User("1"), event("x", nil)); !errors.Is(err, pull.ErrClosed) {
			t.Errorf("after the shutdown: got %v, want ErrClosed", err)
		}
	})
}

func TestSendTxNeedsATransactionalOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got error
		a := txApp(t, func(c pull.Context) error {
			got = c.Pull().SendTx(new(fakeTx), pull.User("1"), event("x", nil))
			return nil
		}, nil)
		defer a.stop(t)

		a.act(t)

		if !errors.Is(got, pull.ErrNoTx) {
			t.Errorf("Outbox.SendTx: got %v, want ErrNoTx", got)
		}
		if err := a.SendTx(t.Context(), new(fakeTx), pull.User("1"), event("x", nil)); !errors.Is(err, pull.ErrNoTx) {
			t.Errorf("Plugin.SendTx: got %v, want ErrNoTx", err)
		}
	})
}

func TestOutboxThatFailsIsReportedOnceAndHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTxBroker()
		var reports reports
		a := txApp(t, func(c pull.Context) error {
			tx := b.begin()
			defer tx.commit()
			return c.Pull().SendTx(tx, pull.User("1"), event("late", nil))
		}, func(c *pull.Config) { c.Broker, c.OnError = b, reports.add })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		b.set(func(o *txTable) { o.err = errBroker })

		for range 30 { // each request wakes the relay
			a.act(t)
			synctest.Wait()
		}
		pass(time.Minute)

		if n := reports.count("relay events of transactions: broker is down"); n != 1 {
			t.Errorf("got %d reports, want 1", n)
		}
		b.set(func(o *txTable) {
			if o.err = nil; o.reads > 63 {
				t.Errorf("got %d attempts in a minute, want one a second", o.reads)
			}
		})
		pass(time.Second)
		r.sees(t, slices.Repeat([]string{"late"}, 30)...)
	})
}

func TestStatsHaveTheAgeOfTheOldestEventThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, table := newFaults(), new(txTable)
		a := newApp(t, func(c *pull.Config) { c.Broker, c.TxOutbox = f, table })
		defer a.stop(t)
		if got := a.Stats().TxOutboxAge; got != 0 {
			t.Errorf("at first: got %v, want 0", got)
		}
		f.set(func(f *faults) { f.err = errBroker })
		tx := table.begin()
		if err := a.SendTx(t.Context(), tx, pull.User("1"), event("late", nil)); err != nil {
			t.Fatal(err)
		}
		tx.commit()

		pass(10 * time.Second)

		if got := a.Stats().TxOutboxAge; got < 9*time.Second || got > 11*time.Second {
			t.Errorf("got %v, want about 10s", got)
		}
		f.set(func(f *faults) { f.err = nil })
		pass(5 * time.Second)
		if got := a.Stats().TxOutboxAge; got != 0 {
			t.Errorf("in the end: got %v, want 0", got)
		}
	})
}

func TestRowThatIsNoEventIsReportedAndKeepsNoOtherWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTxBroker()
		var reports reports
		a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = b, reports.add })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		b.insert(txRow{message: []byte("rubbish"), at: time.Now()})
		tx := b.begin()
		if err := a.SendTx(t.Context(), tx, pull.User("1"), event("next", nil)); err != nil {
			t.Fatal(err)
		}
		tx.commit()

		pass(10 * time.Second)

		r.sees(t, "next")
		if n := reports.count("marked as failed"); n != 1 {
			t.Errorf("got %d reports, want 1", n)
		}
	})
}

// An outbox beside another log publishes again what it cannot be sure of.
func TestEventThatIsRelayedAgainReachesPagesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, table := newFaults(), new(txTable)
		both := func(c *pull.Config) { c.Broker, c.TxOutbox = f, table }
		a, b := newApp(t, both), newApp(t, both)
		defer b.stop(t)
		defer a.stop(t)
		live, at := a.fresh(t, "1")
		table.set(func(o *txTable) { o.crashes = 3 })
		for _, command := range []string{"one", "two"} {
			tx := table.begin()
			if err := a.SendTx(t.Context(), tx, pull.User("1"), event(command, nil)); err != nil {
				t.Fatal(err)
			}
			tx.commit()
		}

		pass(10 * time.Second)

		live.sees(t, "one", "two")
		b.resume(t, "1", at).sees(t, "one", "two")
	})
}

// An outbox counts for no node: it neither keeps users online nor decides who
// calls OnOffline.
func TestOutboxIsNoNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, table := newFaults(), new(txTable)
		gone := make(chan string, 10)
		both := func(c *pull.Config) {
			c.Broker, c.TxOutbox, c.OnOffline = f, table, func(user string) { gone <- user }
		}
		a := newApp(t, both)
		b := newApp(t, both)
		defer a.stop(t)
		r, _ := b.fresh(t, "1")
		tx := table.begin()
		if err := a.SendTx(t.Context(), tx, pull.User("1"), event("x", nil)); err != nil {
			t.Fatal(err)
		}
		tx.commit()
		pass(2 * time.Second)
		r.sees(t, "x")
		b.stop(t)

		pass(2 * time.Minute)

		if n := len(gone); n != 1 {
			t.Errorf("got %d calls of OnOffline, want 1", n)
		}
	})
}

// What is in the outbox when the application ends leaves before the pages do.
func TestShutdownSendsWhatIsInTheOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTxBroker()
		a := newApp(t, func(c *pull.Config) { c.Broker = b })
		r, _ := a.fresh(t, "1")
		tx := b.begin()
		if err := a.SendTx(t.Context(), tx, pull.User("1"), event("last", nil)); err != nil {
			t.Fatal(err)
		}
		tx.commit()

		a.stop(t)

		if commands, _, _ := r.wait(); !slices.Equal(commands, []string{"last"}) {
			t.Errorf("got %q, want last", commands)
		}
	})
}

// A log that delivers another message at a known offset is broken, also if the
// message is from a node and with a number that have been seen.
func TestOtherMessageAtAKnownOffsetIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		var reports reports
		a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = f, reports.add })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		send(t, a, pull.User("1"), "one")
		send(t, a, pull.User("1"), "two")
		r.sees(t, "one", "two")

		f.swapLastTwo()
		pass(10 * time.Second)

		if !reports.contain("log broke") {
			t.Error("got no report of a broken log")
		}
	})
}
