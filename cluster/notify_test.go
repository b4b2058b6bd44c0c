package cluster_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/cluster/engines"
	"github.com/echo-pull/pull/internal/modeltest"
)

// newForwarder returns the Pusher of a node that is a process: it forwards
// notifications to the test. It returns nil without a URL.
func newForwarder(to string) pull.Pusher {
	if to == "" {
		return nil
	}
	return forwarder(to)
}

type forwarder string

func (f forwarder) Push(ctx context.Context, user string, n *pull.Notification) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, string(f)+"?"+url.Values{"user": {user}, "title": {n.Title}}.Encode(), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return &pull.RetryError{After: 100 * time.Millisecond, Err: err}
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusBadRequest {
		return &pull.RetryError{After: 100 * time.Millisecond, Err: errors.New(response.Status)}
	}
	return nil
}

// A letterbox records the notifications that nodes forward to it.
type letterbox struct {
	url     string
	arrived chan struct{} // signalled by each

	mu    sync.Mutex // guards what follows
	count map[string]int
	held  chan struct{} // if set, the answer waits until it is closed or the node is dead
}

func newLetterbox(t *testing.T) *letterbox {
	t.Helper()
	l := &letterbox{arrived: make(chan struct{}, 1), count: make(map[string]int)}
	s := httptest.NewServer(l)
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

func (l *letterbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.count[r.URL.Query().Get("title")]++
	held := l.held
	l.mu.Unlock()

	select {
	case l.arrived <- struct{}{}:
	default:
	}
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	}
}

func (l *letterbox) hold(until chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.held = until
}

// await waits until each title has arrived so many times.
func (l *letterbox) await(t *testing.T, titles []string, times int, patience time.Duration) {
	t.Helper()
	end := time.After(patience)
	for {
		missing := l.fewerThan(titles, times)
		if len(missing) == 0 {
			return
		}
		select {
		case <-l.arrived:
		case <-time.After(time.Second): // one signal may stand for several
		case <-end:
			t.Fatalf("%d of %d notifications have not arrived %d times: %v", len(missing), len(titles), times, missing[:min(len(missing), 5)])
		}
	}
}

func (l *letterbox) fewerThan(titles []string, times int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()

	return slices.DeleteFunc(slices.Clone(titles), func(title string) bool { return l.count[title] >= times })
}

// repeated returns the titles that have arrived more than so many times.
func (l *letterbox) repeated(times int) (titles []string) {
	l.mu.Lock()
	defer l.mu.Unlock()

	for title, n := range l.count {
		if n > times {
			titles = append(titles, title)
		}
	}
	return titles
}

// notify has a node send a notification. It reports whether the log has it.
func notify(t *testing.T, n *modeltest.Node, user, title string) bool {
	t.Helper()
	query := url.Values{"to": {user}, "title": {title}}.Encode()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://node/notify?"+query, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	response, err := n.Operator.Do(r)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusNoContent
}

// Three nodes are replaced one after another, as in a deploy, and the engine is
// restarted. Each notification that the log has is sent by one of them, once.
func TestNotificationsAreSentOnceWhileNodesAndTheEngineRestart(t *testing.T) {
	t.Parallel()
	for _, e := range engines.Shared() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			s, box := e.Start(t, nil), newLetterbox(t)
			open := openProcess(e, s.Address, nodePusher+"="+box.url)
			nodes := startNodes(t, open, 3)
			var titles []string
			for i := range 240 {
				if title := strconv.Itoa(i); notify(t, nodes[i%3], "user "+strconv.Itoa(i%10), title) {
					titles = append(titles, title)
				}
				if i%80 == 79 {
					replaceNode(t, open, nodes, i/80)
				}
				if i == 120 && e.IsServer {
					if err := s.Restart.Happen(rand.New(rand.NewPCG(1, 1))); err != nil {
						t.Fatal(err)
					}
				}
			}

			box.await(t, titles, 1, time.Minute)
			for _, n := range nodes {
				if err := n.Stop(); err != nil {
					t.Error(err)
				}
			}

			if len(titles) < 200 {
				t.Errorf("the log has %d of 240 notifications", len(titles))
			}
			if again := box.repeated(1); len(again) > 0 {
				t.Errorf("sent more than once: %v", again)
			}
		})
	}
}

// A node is killed while it sends. After its time-out the other one sends what may
// not have arrived.
func TestNotificationsOfANodeThatIsKilledAreSentByAnother(t *testing.T) {
	t.Parallel()
	e := engines.Postgres()
	s, box := e.Start(t, nil), newLetterbox(t)
	open := openProcess(e, s.Address, nodePusher+"="+box.url)
	nodes := startNodes(t, open, 2)
	var titles []string
	box.hold(make(chan struct{}))
	for i := range 50 {
		title := strconv.Itoa(i)
		if !notify(t, nodes[0], "user "+title, title) {
			t.Fatalf("notification %d was not accepted", i)
		}
		titles = append(titles, title)
	}
	box.await(t, titles, 1, time.Minute) // and none is answered

	nodes[0].Crash()
	box.hold(nil)

	box.await(t, titles, 2, 2*time.Minute)
	if err := nodes[1].Stop(); err != nil {
		t.Error(err)
	}
	if again := box.repeated(2); len(again) > 0 {
		t.Errorf("sent more than twice: %v", again)
	}
}

func startNodes(t *testing.T, open func(*modeltest.World, int) (*modeltest.Node, error), n int) []*modeltest.Node {
	t.Helper()
	nodes := make([]*modeltest.Node, n)
	for i := range nodes {
		var err error
		if nodes[i], err = open(nil, i); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nodes[i].Crash)
	}
	return nodes
}

// replaceNode starts another node and stops the one that it replaces.
func replaceNode(t *testing.T, open func(*modeltest.World, int) (*modeltest.Node, error), nodes []*modeltest.Node, i int) {
	t.Helper()
	next, err := open(nil, i)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.Crash)
	if err := nodes[i].Stop(); err != nil {
		t.Fatal(err)
	}
	nodes[i] = next
}
