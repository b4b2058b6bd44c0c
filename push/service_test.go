package push_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/push"
)

// A service is a stand-in for a push service, with TLS and HTTP/2. What it
// responds depends on the path of the endpoint.
type service struct {
	*httptest.Server
	mu       sync.Mutex // guards what follows
	scripts  map[string][]http.HandlerFunc
	requests []request
}

// A request is one that a service has got.
type request struct {
	*http.Request
	body []byte
}

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{scripts: map[string][]http.HandlerFunc{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// host returns what WebConfig.Hosts needs.
func (s *service) host() string { return s.Listener.Addr().String() }

// respond scripts the responses to an endpoint; the last one repeats.
func (s *service) respond(path string, responses ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[path] = responses
}

func (s *service) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, request{r, body})
	respond := status(http.StatusCreated, "")
	if script := s.scripts[r.URL.Path]; len(script) > 0 {
		respond = script[0]
		if len(script) > 1 {
			s.scripts[r.URL.Path] = script[1:]
		}
	}
	s.mu.Unlock()
	respond(w, r)
}

// paths returns the endpoints of the requests so far, and forgets them.
func (s *service) paths() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var paths []string
	for _, r := range s.requests {
		paths = append(paths, r.URL.Path)
	}
	s.requests = nil
	return strings.Join(paths, " ")
}

// status responds with a status, a body, and fields of the header in pairs.
func status(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// hang keeps the request until the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// reset ends the connection or the stream without a response.
func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// A rig is a WebPusher with a store of its own.
type rig struct {
	*push.WebPusher
	store *push.MemoryStore
	logs  *strings.Builder
}

// newRig returns a WebPusher that sends to services.
func newRig(t testing.TB, change func(*push.WebConfig), services ...*service) *rig {
	t.Helper()
	keys, err := push.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{store: push.NewMemoryStore(), logs: &strings.Builder{}}
	c := push.WebConfig{Subject: "mailto:ops@example.com", Keys: keys, Store: r.store, Logger: slog.New(slog.NewTextHandler(r.logs, nil))}
	for _, s := range services {
		c.Hosts = append(c.Hosts, s.host())
		c.Client = s.Client() // they all have one certificate
	}
	if change != nil {
		change(&c)
	}
	if r.WebPusher, err = push.Web(c); err != nil {
		t.Fatal(err)
	}
	return r
}

// subscribe subscribes browsers of a user at endpoints.
func (r *rig) subscribe(t testing.TB, user string, endpoints ...string) push.Browser {
	t.Helper()
	b := push.NewBrowser(t)
	for _, endpoint := range endpoints {
		text, err := json.Marshal(b.Subscription(endpoint))
		if err == nil {
			err = r.Subscribe(t.Context(), user, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// has returns the paths of a user's endpoints, in order.
func (r *rig) has(t testing.TB, user string) int {
	t.Helper()
	all, err := r.store.Of(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// note returns a notification that is worth an hour.
func note(id string) *notification.Notification {
	n := notification.New(notification.Push{Title: "Ann", Body: "Lunch?", URL: "/im/7", Tag: "im-7", TTL: time.Hour, Important: true}, id, time.Now())
	return &n
}

// failing is a store whose methods fail while err is set.
type failing struct {
	*push.MemoryStore
	err error
}

func (f *failing) Of(ctx context.Context, user string) ([]push.Subscription, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.MemoryStore.Of(ctx, user)
}
