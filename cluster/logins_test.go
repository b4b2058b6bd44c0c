package cluster_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/echo-pull/pull/cluster/engines"
)

// eachEngine runs a test on each engine that nodes can share, with so many nodes that are
// processes.
func eachEngine(t *testing.T, nodes int, run func(t *testing.T, e engines.Engine, s *engines.Server, nodes []*process), env ...string) {
	t.Helper()
	t.Parallel()
	for _, e := range engines.Shared() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			s := e.Start(t, nil)
			run(t, e, s, startProcesses(t, e, s.Address, nodes, env...))
		})
	}
}

// later makes a request, whose status and text come through the channel.
func (p *process) later(t *testing.T, path string) <-chan string {
	t.Helper()
	result := make(chan string, 1)
	go func() {
		status, text := p.post(t, path, "", nil)
		result <- strings.TrimSpace(http.StatusText(status) + " " + text)
	}()
	return result
}

// freeze stops the node, and waits until all its threads have stopped.
func (p *process) freeze(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGSTOP)
	for end := time.Now().Add(30 * time.Second); p.hasRunningThread(); {
		if time.Now().After(end) {
			t.Fatal("a thread of the node is running")
		}
		<-time.After(time.Millisecond)
	}
}

func (p *process) hasRunningThread() bool {
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	return slices.ContainsFunc(stats, func(stat string) bool {
		text, err := os.ReadFile(stat)
		return err == nil && !strings.Contains(string(text), ") T ")
	})
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// publish publishes an event to a user, as a service does.
func (p *process) publish(t *testing.T, user, command string) {
	t.Helper()
	body := `{"target":{"users":["` + user + `"]},"event":{"module":"tasks","command":"` + command + `"}}`
	if status, text := p.post(t, "/events", body, service("application/json", "")); status != http.StatusOK {
		t.Fatalf("%s: status %d: %s\n%s", command, status, text, p.stderr.String())
	}
}

// service returns the headers of a request of a service.
func service(contentType, key string) http.Header {
	h := http.Header{"Authorization": {"Bearer " + publishKey}, "Content-Type": {contentType}}
	if key != "" {
		h.Set("Idempotency-Key", key)
	}
	return h
}

// A disconnect waits for a node that is frozen.
func TestDisconnectWaitsForEachNodeThatLives(t *testing.T) {
	eachEngine(t, 3, func(t *testing.T, e engines.Engine, _ *engines.Server, nodes []*process) {
		one, two := connectAll(t, nodes, "one"), connectAll(t, nodes, "two")
		if e.IsServer { // a process that is frozen may hold the lock of a file
			nodes[2].freeze(t)
		}

		result := nodes[0].later(t, "/logout?session=one")
		one[0].isClosed(t, 4401)
		one[1].isClosed(t, 4401)
		if e.IsServer {
			select {
			case got := <-result:
				t.Errorf("the disconnect has returned %q before each node has followed", got)
			default:
			}
			nodes[2].signal(t, syscall.SIGCONT)
		}
		if got := <-result; got != "No Content" {
			t.Errorf("got %q, want no error", got)
		}

		nodes[1].publish(t, "1", "after")
		one[2].isClosed(t, 4401)
		for _, p := range two {
			if a, _ := p.arrival(t); a.Name != "tasks:after" {
				t.Errorf("the other session got %+v", a)
			}
		}
	})
}

// A node is killed while a disconnect waits for it: the error names it. The disconnect
// holds on the nodes that live, and on one that starts.
func TestDisconnectNamesTheNodeThatWasKilled(t *testing.T) {
	eachEngine(t, 3, func(t *testing.T, e engines.Engine, s *engines.Server, nodes []*process) {
		pages := connectAll(t, nodes, "one")
		if e.IsServer {
			nodes[2].freeze(t)
		} else {
			nodes[2].kill()
		}

		result := nodes[0].later(t, "/logout?session=one")
		pages[0].isClosed(t, 4401)
		pages[1].isClosed(t, 4401)
		nodes[2].kill()

		if got := <-result; !strings.Contains(got, "no report within 5s from: ") || strings.Contains(got, ",") {
			t.Errorf("got %q, want an error with the one node that was killed", got)
		}
		late := startProcesses(t, e, s.Address, 1)[0]
		for _, n := range []*process{nodes[0], nodes[1], late} {
			if _, status, text := n.enter(t, "", login("1", "one")); status != http.StatusUnauthorized {
				t.Errorf("status %d: %s, want 401", status, text)
			}
			n.connect(t, "", login("1", "two"))
		}
	})
}

// connectAll connects a page of user 1 in a session at each node.
func connectAll(t *testing.T, nodes []*process, session string) (pages []*tab) {
	t.Helper()
	for _, n := range nodes {
		pages = append(pages, n.connect(t, "", login("1", session)))
	}
	return pages
}

// A page renews its session at a node that is killed afterwards.
func TestSessionIsRenewedAtAnotherNode(t *testing.T) {
	eachEngine(t, 2, func(t *testing.T, _ engines.Engine, _ *engines.Server, nodes []*process) {
		header := login("1", "one", lastsHeader, "3s")
		page := nodes[0].connect(t, "client=page", header)
		twin := nodes[0].connect(t, "client=twin", header)
		page.control(t, "session")

		renewal := login("1", "next", "Content-Type", "application/json", "Pull-Client", "page")
		if status, text := nodes[1].post(t, "/pull/session", `{"client":"page"}`, renewal); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, text)
		}
		nodes[1].kill()

		twin.isClosed(t, 4401) // at its end
		nodes[0].publish(t, "1", "after")
		if a, _ := page.arrival(t); a.Name != "tasks:after" {
			t.Errorf("got %+v", a)
		}
		nodes[0].later(t, "/logout?session=next")
		page.isClosed(t, 4401)
	})
}

// ticket returns a ticket for a user.
func (p *process) ticket(t *testing.T, user string) (query string) {
	t.Helper()
	status, text := p.post(t, "/pull/ticket", "", login(user, "session of "+user))
	_, rest, _ := strings.Cut(text, `{"ticket":"`)
	query, _, found := strings.Cut(rest, `"`)
	if status != http.StatusOK || !found {
		t.Fatalf("status %d: %s, want a ticket", status, text)
	}
	return "ticket=" + query
}

// refuses fails unless a ticket is refused.
func (p *process) refuses(t *testing.T, query, reason string) {
	t.Helper()
	if _, status, text := p.enter(t, query, nil); status != http.StatusUnauthorized || !strings.Contains(text, reason) {
		t.Errorf("status %d: %s, want 401 because of %q", status, text, reason)
	}
}

// A ticket is good on each node, and for one page: also if two processes get it at the
// same moment, and if the node where it was used has been killed.
func TestTicketIsUsedOnceByAllProcesses(t *testing.T) {
	eachEngine(t, 2, func(t *testing.T, e engines.Engine, s *engines.Server, nodes []*process) {
		query := nodes[0].ticket(t, "42")
		if page := nodes[1].connect(t, query, nil); page.hello.Params.User != "42" {
			t.Errorf("the page is that of %q, want 42", page.hello.Params.User)
		}
		nodes[0].refuses(t, query, "used before")
		nodes[1].refuses(t, query, "used before")

		wins := [2]int{}
		for range 20 {
			contested := nodes[0].ticket(t, "42")
			statuses := make(chan int, 4)
			for i := range cap(statuses) {
				go func() {
					_, status, _ := nodes[i%2].enter(t, contested, nil)
					if status == http.StatusSwitchingProtocols {
						statuses <- i % 2
					} else {
						statuses <- -1
					}
				}()
			}
			won := 0
			for range cap(statuses) {
				if i := <-statuses; i >= 0 {
					won++
					wins[i]++
				}
			}
			if won != 1 {
				t.Fatalf("%d pages have connected with one ticket", won)
			}
		}
		t.Logf("the nodes have won %v times", wins)

		nodes[1].kill()
		late := startProcesses(t, e, s.Address, 1)[0]
		late.refuses(t, query, "used before")
		late.connect(t, nodes[0].ticket(t, "42"), nil)
	})
}
