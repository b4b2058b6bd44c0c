package sqlitebroker_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/sqlitebroker"
)

const publishers = 3

// publishUntilKilled is the process that dies. Each of its publishers publishes
// its own numbers, and prints each number that is in the log. If the broker
// returns an error it publishes the same again.
func publishUntilKilled(file string) {
	fail := func(err error) {
		if err != nil {
			_, _ = fmt.Fprintln(os.Stdout, "error:", err)
			os.Exit(1)
		}
	}
	db, err := sql.Open("sqlite", "file:"+file)
	fail(err)
	broker, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true, KeepCount: 1_000_000})
	fail(err)
	next := strings.Fields(os.Getenv("PULL_PUBLISH_FROM"))
	var all sync.WaitGroup
	for p := range publishers {
		n, err := strconv.Atoi(next[p])
		fail(err)
		all.Go(func() {
			for {
				batch := make([][]byte, 1+rand.IntN(20))
				for i := range batch {
					batch[i] = fmt.Appendf(nil, "%d %d", p, n+i)
				}
				fail(broker.Publish(context.Background(), batch...))
				n += len(batch)
				_, _ = fmt.Fprintf(os.Stdout, "%d %d\n", p, n) // one write, so one line
			}
		})
	}
	all.Wait()
}

// A process is killed in the middle of publishing, again and again. Whatever it
// was told is in the log is there, once and in order, and the epoch stays.
func TestKilledProcessLosesNothing(t *testing.T) {
	file := newFile(t)
	next, epoch := [publishers]int{}, ""
	for i := range 10 {
		acknowledged := runAndKill(t, file, next, 5+rand.IntN(300))

		found := start(t, file, nil)
		log := readAll(t, found, &epoch)
		_ = found.db.Close()

		next = [publishers]int{}
		for _, m := range log {
			var p, n int
			if _, err := fmt.Sscanf(m, "%d %d", &p, &n); err != nil {
				t.Fatal(err)
			}
			if n != next[p] {
				t.Fatalf("after %d kills: got message %d of publisher %d, want %d", i+1, n, p, next[p])
			}
			next[p]++
		}
		for p, n := range acknowledged {
			if next[p] < n {
				t.Fatalf("after %d kills: got %d messages of publisher %d, want %d, as Publish has returned", i+1, next[p], p, n)
			}
		}
	}
	t.Logf("%d messages", next[0]+next[1]+next[2])
}

// runAndKill runs a process that publishes, kills it after some lines, and
// returns how many messages of each publisher it has reported.
func runAndKill(t *testing.T, file string, from [publishers]int, lines int) [publishers]int {
	t.Helper()
	process := exec.CommandContext(t.Context(), os.Args[0])
	process.Env = append(os.Environ(), "PULL_PUBLISH_TO="+file, "PULL_PUBLISH_FROM="+strings.Trim(fmt.Sprint(from), "[]"))
	output, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := from
	for s := bufio.NewScanner(output); s.Scan(); lines-- {
		if lines == 0 {
			if err := process.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		var p, n int
		if _, err := fmt.Sscanf(s.Text(), "%d %d", &p, &n); err != nil {
			if lines > 0 {
				t.Fatalf("the process printed %q", s.Text())
			}
			continue // cut by the kill
		}
		acknowledged[p] = n
	}
	if err := process.Wait(); err == nil || lines > 0 {
		t.Fatalf("the process ended by itself: %v", err)
	}
	return acknowledged
}

// readAll returns the log, which has the epoch, if that is set, and no hole.
func readAll(t *testing.T, n *node, epoch *string) (messages []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := n.Publish(ctx, []byte("end")); err != nil {
		t.Fatal(err)
	}
	var last uint64
	err := n.Subscribe(ctx, time.Hour, func(e string, offset uint64, m []byte) {
		if last > 0 && offset != last+1 {
			t.Errorf("offset %d follows %d", offset, last)
		}
		last = offset
		if *epoch == "" {
			*epoch = e
		}
		if e != *epoch {
			t.Errorf("got the epoch %s, want %s", e, *epoch)
		}
		if string(m) == "end" {
			if newest(t, n) == offset {
				cancel()
			}
			return
		}
		messages = append(messages, string(m))
	})
	if err != nil || ctx.Err() == context.DeadlineExceeded {
		t.Fatalf("got %d messages and %v, want all", len(messages), err)
	}
	return messages
}

// newest returns the largest offset in the log.
func newest(t *testing.T, n *node) (offset uint64) {
	t.Helper()
	if err := n.db.QueryRow(`SELECT max("offset") FROM pull_log`).Scan(&offset); err != nil {
		t.Fatal(err)
	}
	return offset
}
