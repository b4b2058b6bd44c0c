package pull_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// relayed sends an event in a transaction and commits it.
func relayed(t *testing.T, a *app, table *txTable, commands ...string) {
	t.Helper()
	tx := table.begin()
	for _, command := range commands {
		if err := a.SendTx(t.Context(), tx, pull.User("1"), event(command, nil)); err != nil {
			t.Fatal(err)
		}
	}
	tx.commit()
}

// If a standby is promoted, the log gets another epoch, and delivers the window
// again. Pages are notified of a gap and do not get what they have had.
func TestNewEpochDoesNotRepeatEventsOfTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		table := &txTable{log: func(messages ...[]byte) error { return f.Publish(context.Background(), messages...) }}
		a := newApp(t, func(c *pull.Config) { c.Broker = txOver{f, table} })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		relayed(t, a, table, "one", "two")
		send(t, a, pull.User("1"), "three")
		pass(2 * time.Second)
		r.sees(t, "three", "one", "two")

		f.set(func(f *faults) { f.epoch = "promoted" })
		f.interrupt()
		pass(5 * time.Second)
		relayed(t, a, table, "four")
		pass(2 * time.Second)

		commands, hellos, err := r.wait()
		if want := []string{"three", "one", "two", "four"}; !slices.Equal(commands, want) || len(hellos) != 2 || err != nil {
			t.Errorf("got %q, %d hellos and %v, want %q and a second hello for the gap", commands, len(hellos), err, want)
		}
	})
}

// txOver is a log with an outbox.
type txOver struct {
	pull.Broker
	*txTable
}

// An event that cannot be sent is reported also if the log is down, when it has been
// marked as failed.
func TestRowThatIsNoEventIsReportedWhileTheLogIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, table := newFaults(), new(txTable)
		var reports reports
		a := newApp(t, func(c *pull.Config) { c.Broker, c.TxOutbox, c.OnError = f, table, reports.add })
		defer a.stop(t)
		f.set(func(f *faults) { f.err = errBroker })
		table.insert(txRow{message: []byte("rubbish"), at: time.Now()})
		relayed(t, a, table, "one")
		pass(10 * time.Second)
		f.set(func(f *faults) { f.err = nil })
		pass(10 * time.Second)

		if n := reports.count("marked as failed"); n != 1 {
			t.Errorf("got %d reports, want 1", n)
		}
	})
}

// A log that takes 20 ms for each message takes longer for a step of the relay than
// the relay waits. Each try goes on where the last one ended.
func TestSlowLogGetsEverythingFromTheOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, table := newFaults(), new(txTable)
		slow := slowLog{f}
		a := newApp(t, func(c *pull.Config) { c.Broker, c.TxOutbox = slow, table })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		var commands []string
		for range 500 {
			commands = append(commands, "x")
		}
		relayed(t, a, table, commands...)
		pass(30 * time.Second)
		n := f.count()
		pass(30 * time.Second)

		if more := f.count() - n; more > 10 {
			t.Errorf("after 30 seconds the log gets %d messages more in 30 seconds, want it to be done", more)
		}
		r.sees(t, commands...)
	})
}

// A slowLog takes one message after another, and what it has when ctx ends stays.
type slowLog struct{ *faults }

func (l slowLog) Publish(ctx context.Context, messages ...[]byte) error {
	for _, m := range messages {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("too slow")
		}
		if err := l.faults.Publish(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// An application that inserts faster than the relay moves keeps Shutdown no longer than
// its context.
func TestShutdownDoesNotWaitForAnOutboxThatIsNeverEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.TxOutbox = endless{new(txTable)} })
		pass(2 * time.Second)
		began := time.Now()

		err := a.end(t)

		if took := time.Since(began); err != nil || took > 5*time.Second {
			t.Errorf("Shutdown took %v and returned %v, want less than 5 seconds and nil", took, err)
		}
	})
}

// endless is an outbox that has always more.
type endless struct{ *txTable }

func (endless) Relay(
	ctx context.Context, _ func([]byte) error, _ func(context.Context, string, []uint64, [][]byte) error,
) (oldest time.Duration, more bool, err error) {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
	}
	return time.Second, true, ctx.Err()
}
