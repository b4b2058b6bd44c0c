package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/cluster/engines"
	"github.com/echo-pull/pull/internal/envelope"
)

// batch returns the body of a request that publishes events to user 1.
func batch(name string, lines int) string {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, `{"target":{"users":["1"]},"event":{"module":"tasks","command":"%s-%d","params":{"text":%q}}}`+"\n", name, i, strings.Repeat("x", 200))
	}
	return b.String()
}

// publishUntil repeats a request until it is published, and returns the response.
func (p *process) publishUntil(t *testing.T, key, body string) (response string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		status, text := p.post(t, "/events", body, service("application/x-ndjson", key))
		if status == http.StatusOK {
			return text
		}
		if status != 0 && status < 500 || time.Now().After(end) {
			t.Fatalf("%s: status %d: %s", key, status, text)
		}
	}
}

// publishAtOnce makes a request at two nodes at the same time, and returns the response,
// which is the same.
func publishAtOnce(t *testing.T, nodes []*process, key, body string) (response string) {
	t.Helper()
	other := make(chan string, 1)
	go func() {
		_, text := nodes[1].post(t, "/events", body, service("application/x-ndjson", key))
		other <- text
	}()
	response = nodes[0].publishUntil(t, key, body)
	if text := <-other; text != response {
		t.Errorf("%s: got %s and %s from two nodes", key, response, text)
	}
	return response
}

// A service repeats requests at another node because the first one was killed, while the
// engine restarted, and after all nodes have: each event is published once.
func TestRepeatedRequestIsPublishedOnceWhateverHappens(t *testing.T) {
	const lines = 300
	eachEngine(t, 2, func(t *testing.T, e engines.Engine, s *engines.Server, nodes []*process) {
		page := nodes[1].connect(t, "", login("1", "one"))
		cursor := "cursor=" + page.at()
		first := publishAtOnce(t, nodes, "first", batch("first", 2))

		want := []string{"tasks:first-0", "tasks:first-1"}
		for i := range 2 {
			name := fmt.Sprintf("killed%d", i)
			before := measureKeyed(t, s)
			victim := startProcesses(t, e, s.Address, 1)[0]
			sent := make(chan int, 1)
			go func() {
				status, _ := victim.post(t, "/events", batch(name, lines), service("application/x-ndjson", name))
				sent <- status
			}()
			if i == 0 {
				<-time.After(time.Duration(rand.Int64N(int64(200 * time.Millisecond))))
			} else {
				awaitKeyed(t, s, before+1) // the node does not know that yet
			}
			victim.kill()
			status, had := <-sent, measureKeyed(t, s)-before
			publishAtOnce(t, nodes, name, batch(name, lines))
			t.Logf("status %d: the log had %d of %d when the node was killed, and has %d", status, had, lines, measureKeyed(t, s)-before)
			for line := range lines {
				want = append(want, fmt.Sprintf("tasks:%s-%d", name, line))
			}
		}
		nodes[0].publish(t, "1", "end")
		if got := page.until(t, "tasks:end"); !slices.Equal(got, want) {
			t.Errorf("got %d events, want %d in order", len(got), len(want))
		}

		if e.IsServer {
			if err := s.Restart.Happen(rand.New(rand.NewPCG(1, 1))); err != nil {
				t.Fatal(err)
			}
			if again := nodes[0].publishUntil(t, "first", batch("first", 2)); again != first && e.Name != "redis" {
				t.Errorf("got %s after a restart of the engine, want %s", again, first)
			}
		}
		nodes[0].kill()
		if err := nodes[1].terminate(); err != nil {
			t.Error(err)
		}
		for _, n := range startProcesses(t, e, s.Address, 2, patient) {
			again := n.publishUntil(t, "first", batch("first", 2))
			n.publishUntil(t, "killed0", batch("killed0", lines))
			if status, text := n.post(t, "/events", batch("first", 3), service("application/x-ndjson", "first")); status != http.StatusUnprocessableEntity {
				t.Errorf("another body: status %d: %s, want 422", status, text)
			}
			page := n.connect(t, cursor, login("1", "one"))
			n.publish(t, "1", "end of "+cursor)
			got := page.until(t, "tasks:end of "+cursor)
			t.Logf("again %v, recovered %t", again == first, page.hello.Params.Recovered)
			if e.Name == "redis" && !page.hello.Params.Recovered {
				continue // another epoch, because a node was killed before the restart
			}
			if i := slices.Index(got, "tasks:end"); i != len(want) || !slices.Equal(got[:i], want) || again != first {
				t.Errorf("got %s and %d events, want %s and %d", again, len(got), first, len(want))
			}
		}
	}, patient)
}

// isKeyed reports whether a message of the log is an event that a service has published.
func isKeyed(raw []byte) bool {
	e, err := envelope.Parse(raw)
	return err == nil && len(e.Key) > 0
}

// measureKeyed returns how many events of services the log has.
func measureKeyed(t *testing.T, s *engines.Server) (n int) {
	t.Helper()
	for _, raw := range readAll(t, s) {
		if isKeyed(raw) {
			n++
		}
	}
	return n
}

// awaitKeyed waits until the log has so many events of services.
func awaitKeyed(t *testing.T, s *engines.Server, n int) {
	t.Helper()
	l, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = l.Broker.Subscribe(ctx, time.Hour, func(_ string, _ uint64, message []byte) {
		if isKeyed(message) {
			if n--; n == 0 {
				cancel()
			}
		}
	})
	if err != nil || n > 0 {
		t.Fatalf("%d events are missing: %v", n, err)
	}
}
