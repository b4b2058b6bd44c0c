package sqlitebroker_test

import (
	"context"
	"testing"
	"time"

	"github.com/echo-pull/pull/sqlitebroker"
)

// A node that only listens notices by itself what happens to the log.
func TestListenerNoticesWithoutPublishing(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, file string){
		"the log goes back": func(t *testing.T, file string) {
			execute(t, file, `DELETE FROM pull_log WHERE "offset" > 5`,
				`UPDATE pull_meta SET next = 6, at = (SELECT at FROM pull_log WHERE "offset" = 5)`)
		},
		"the log goes back and on": func(t *testing.T, file string) {
			execute(t, file, `UPDATE pull_log SET at = at + 1 WHERE "offset" > 5`, `UPDATE pull_meta SET at = at + 1`)
		},
		"the tables are emptied": func(t *testing.T, file string) {
			execute(t, file, "DELETE FROM pull_log", "DELETE FROM pull_meta")
		},
		"the tables are dropped": func(t *testing.T, file string) {
			execute(t, file, "DROP TABLE pull_log", "DROP TABLE pull_meta")
		},
		"another process begins an epoch": func(t *testing.T, file string) {
			remove(t, file+witness)
			start(t, file, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := newFile(t)
			n := start(t, file, nil)
			before := fill(t, n, 0, 10)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			caughtUp := make(chan struct{})
			ended := make(chan error, 1)
			go func() {
				ended <- n.Subscribe(ctx, time.Hour, func(_ string, offset uint64, _ []byte) {
					if offset == 10 {
						close(caughtUp)
					}
				})
			}()
			<-caughtUp

			happens(t, file)

			if err := <-ended; err == nil {
				t.Fatal("Subscribe has noticed nothing for 5s, want an error")
			}
			for range 2 { // a dropped table is an error once
				if err := n.Publish(t.Context(), []byte("end")); err == nil {
					break
				}
			}
			if after := epochOf(t, n); after == before {
				t.Errorf("got the epoch %s as before, want another", after)
			}
		})
	}
}

// Messages of another process arrive without anything of one's own.
func TestMessagesOfAnotherProcessArriveSoon(t *testing.T) {
	file := newFile(t)
	other := start(t, file, nil)
	n := start(t, file, func(c *sqlitebroker.Config) { c.Poll = time.Millisecond })
	got := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Subscribe(ctx, time.Hour, func(string, uint64, []byte) { got <- struct{}{} }) }()
	const count = 50
	began := time.Now()

	for range count {
		publish(t, other, "x")
		<-got
	}

	took := time.Since(began)
	cancel()
	if err := <-ended; err != nil || took > count*longestPoll/2 {
		t.Errorf("got %v, and %d messages in %s, want them without waiting for the slow poll", err, count, took)
	}
	t.Logf("%s a message", took/count)
}

const longestPoll = 500 * time.Millisecond

// A node that only publishes notices before it publishes.
func TestPublisherNoticesThatTheLogWentBack(t *testing.T) {
	for name, statements := range map[string][]string{
		"back": {
			`DELETE FROM pull_log WHERE "offset" > 5`,
			`UPDATE pull_meta SET next = 6, at = (SELECT at FROM pull_log WHERE "offset" = 5)`,
		},
		"back and on":  {`UPDATE pull_log SET at = at + 1 WHERE "offset" > 5`, `UPDATE pull_meta SET at = at + 1`},
		"to nothing":   {`DELETE FROM pull_log`, `DELETE FROM pull_meta`},
		"to odd state": {`UPDATE pull_meta SET next = -3`},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, newFile(t), nil)
			for i := range 10 {
				publish(t, n, string(rune('0'+i)))
			}
			before := peek(t, n)
			execute(t, n.file, statements...)

			err := n.Publish(t.Context(), []byte("end"))

			if after := peek(t, n); err != nil || after == before {
				t.Errorf("got %v and the epoch %s, want another than %s", err, after, before)
			}
		})
	}
}
