package cluster_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/cluster/engines"
	"github.com/echo-pull/pull/internal/envelope"
)

// say sends a message to user 2, and fails unless it is on its way.
func (p *tab) say(t *testing.T, n int) {
	t.Helper()
	frame := fmt.Sprintf(`{"send":{"n":%d,"users":["2"],"module":"tasks","command":"say-%d","params":{"text":"hello"}}}`, n, n)
	if err := p.conn.WriteMessage(1, []byte(frame)); err != nil {
		t.Fatal(err)
	}
	if answer := p.control(t, "sent"); answer.Params.N != n || answer.Params.State != "ok" {
		t.Fatalf("message %d: got %+v", n, answer)
	}
}

// Messages of a page at one node reach a page at another one, in order. They are never
// replayed, though the log has them: not at the same node, nor at one that starts.
func TestMessagesOfPagesReachOtherNodesAndNoReplay(t *testing.T) {
	const burst = 20
	eachEngine(t, 2, func(t *testing.T, e engines.Engine, s *engines.Server, nodes []*process) {
		ann := nodes[0].connect(t, "", login("1", "ann"))
		bob := nodes[1].connect(t, "", login("2", "bob"))
		cursor := "cursor=" + bob.at()

		var want []string
		for n := range burst {
			ann.say(t, n+1)
			want = append(want, "tasks:say-"+strconv.Itoa(n+1))
		}
		nodes[0].publish(t, "2", "end")
		for _, name := range want {
			a, text := bob.arrival(t)
			sender, _ := a.Extra["sender"].(map[string]any)
			if a.Name != name || a.Offset != 0 || sender["id"] != "1" {
				t.Errorf("got %s, want %s of user 1, without an offset", text, name)
			}
		}
		if more := bob.until(t, "tasks:end"); len(more) > 0 {
			t.Errorf("got %q as well", more)
		}

		for _, n := range nodes {
			again := n.connect(t, cursor, login("2", "bob"))
			if got := again.until(t, "tasks:end"); len(got) > 0 || !again.hello.Params.Recovered {
				t.Errorf("recovered %t with %q, want no message of a page", again.hello.Params.Recovered, got)
			}
		}
		nodes[0].kill()
		if err := nodes[1].terminate(); err != nil {
			t.Error(err)
		}
		late := startProcesses(t, e, s.Address, 1)[0].connect(t, cursor, login("2", "bob"))
		if got := late.until(t, "tasks:end"); len(got) > 0 || !late.hello.Params.Recovered {
			t.Errorf("recovered %t with %q after a restart, want no message of a page", late.hello.Params.Recovered, got)
		}
		count, size := measure(t, s, envelope.KindRelay)
		t.Logf("%d messages of pages are in the log, of %d bytes on average", count, size/max(count, 1))
	})
}

// measure returns how many messages of a kind the log has, and their bytes.
func measure(t *testing.T, s *engines.Server, kind envelope.Kind) (count, size int) {
	t.Helper()
	for _, raw := range readAll(t, s) {
		if e, err := envelope.Parse(raw); err == nil && e.Kind == kind {
			count++
			size += len(raw)
		}
	}
	return count, size
}

// readAll returns the messages in the log.
func readAll(t *testing.T, s *engines.Server) (all [][]byte) {
	t.Helper()
	l, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	end := rand.Text()
	if err := l.Broker.Publish(ctx, []byte(end)); err != nil {
		t.Fatal(err)
	}
	err = l.Broker.Subscribe(ctx, time.Hour, func(_ string, _ uint64, message []byte) {
		if string(message) == end {
			cancel()
			return
		}
		all = append(all, slices.Clone(message))
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
