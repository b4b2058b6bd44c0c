package push_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/push"
)

// A wire is the way to push services in fake time: a function responds, and the
// wire notes when requests came to which host.
type wire struct {
	respond func(r *http.Request) (*http.Response, error)
	mu      sync.Mutex // guards what follows
	came    []string
	headers []http.Header
	start   time.Time
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.came = append(w.came, fmt.Sprint(r.URL.Host, "@", time.Since(w.start).Round(time.Second)))
	w.headers = append(w.headers, r.Header)
	w.mu.Unlock()
	return w.respond(r)
}

func (w *wire) requests() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.came)
}

func response(code int, header ...string) *http.Response {
	r := &http.Response{StatusCode: code, Header: http.Header{}, Body: http.NoBody}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

const a, b = "https://a.push.apple.com/secret", "https://b.push.apple.com/secret"

// inFakeTime runs a test with a WebPusher whose services the wire plays.
func inFakeTime(t *testing.T, change func(*push.WebConfig), test func(t *testing.T, r *rig, w *wire)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{start: time.Now(), respond: func(*http.Request) (*http.Response, error) { return response(http.StatusCreated), nil }}
		test(t, newRig(t, func(c *push.WebConfig) {
			c.Client = &http.Client{Transport: w}
			if change != nil {
				change(c)
			}
		}), w)
	})
}

// retried returns After of a RetryError.
func retried(t *testing.T, err error) time.Duration {
	t.Helper()
	var retry *notification.RetryError
	if !errors.As(err, &retry) {
		t.Fatalf("got %v, want a RetryError", err)
	}
	return retry.After
}

func TestHostThatAsksToWaitIsLeftAlone(t *testing.T) {
	for name, header := range map[string]func() string{
		"seconds": func() string { return "90" },
		"date":    func() string { return time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, nil, func(t *testing.T, r *rig, w *wire) {
				r.subscribe(t, "ann", a)
				r.subscribe(t, "bob", a+"2", b)
				w.respond = func(*http.Request) (*http.Response, error) {
					return response(http.StatusTooManyRequests, "Retry-After", header()), nil
				}
				if after := retried(t, r.Push(t.Context(), "ann", note("1"))); after < 90*time.Second || after > 100*time.Second {
					t.Errorf("retry after %s, want 1m30s and a little more", after)
				}
				w.respond = func(*http.Request) (*http.Response, error) { return response(http.StatusCreated), nil }
				<-time.After(30 * time.Second)

				if after := retried(t, r.Push(t.Context(), "bob", note("1"))); after < time.Minute || after > 67*time.Second {
					t.Errorf("the other user: retry after %s, want 1m and a little more", after)
				}
				if after := retried(t, r.Push(t.Context(), "ann", note("1"))); after < time.Minute {
					t.Errorf("too early: retry after %s", after)
				}
				<-time.After(time.Minute)
				if err := errors.Join(r.Push(t.Context(), "ann", note("1")), r.Push(t.Context(), "bob", note("1"))); err != nil {
					t.Error(err)
				}

				want := []string{"a.push.apple.com@0s", "b.push.apple.com@30s", "a.push.apple.com@1m30s", "a.push.apple.com@1m30s"}
				if !slices.Equal(w.came, want) {
					t.Errorf("requests %q\nwant %q", w.came, want)
				}
			})
		})
	}
}

func TestWaitsGrowWithTheAttempts(t *testing.T) {
	inFakeTime(t, nil, func(t *testing.T, r *rig, w *wire) {
		r.subscribe(t, "ann", a)
		w.respond = func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
		for attempt := range 12 {
			ceiling := 5 * time.Second << min(attempt, 7)
			if after := retried(t, r.Push(t.Context(), "ann", note("1"))); after < ceiling/2 || after >= ceiling {
				t.Errorf("attempt %d: %s, want %s to %s", attempt, after, ceiling/2, ceiling)
			}
		}
		if after := retried(t, r.Push(t.Context(), "ann", note("2"))); after >= 5*time.Second {
			t.Errorf("another notification waits %s", after)
		}
	})
}

func TestHostThatHangsIsGivenUpAndRetried(t *testing.T) {
	inFakeTime(t, nil, func(t *testing.T, r *rig, w *wire) {
		r.subscribe(t, "ann", a, b)
		w.respond = func(request *http.Request) (*http.Response, error) {
			if request.URL.Host[0] == 'b' {
				return response(http.StatusCreated), nil
			}
			<-request.Context().Done()
			return nil, request.Context().Err()
		}
		start := time.Now()

		err := r.Push(t.Context(), "ann", note("1"))

		if retried(t, err); time.Since(start) != 30*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("gave up after %s with %v, want 30s", time.Since(start), err)
		}
	})
}

// A body that never ends does not make of a success a failure.
func TestBodyThatHangsIsNoFailure(t *testing.T) {
	inFakeTime(t, nil, func(t *testing.T, r *rig, w *wire) {
		r.subscribe(t, "ann", a)
		w.respond = func(request *http.Request) (*http.Response, error) {
			reader, writer := io.Pipe()
			context.AfterFunc(request.Context(), func() { _ = writer.CloseWithError(context.DeadlineExceeded) })
			response := response(http.StatusCreated)
			response.Body = reader
			return response, nil
		}
		if err := r.Push(t.Context(), "ann", note("1")); err != nil {
			t.Error(err)
		}
	})
}

func TestOnlySoManyAreSentAndWaitAtOneHost(t *testing.T) {
	change := func(c *push.WebConfig) { c.Parallel, c.Waiting, c.Timeout = 2, 3, time.Minute }
	inFakeTime(t, change, func(t *testing.T, r *rig, w *wire) {
		r.subscribe(t, "ann", a)
		goOn := make(chan struct{})
		w.respond = func(*http.Request) (*http.Response, error) {
			<-goOn
			return response(http.StatusCreated), nil
		}
		results := make(chan error, 6)
		for i := range 6 {
			go func() { results <- r.Push(t.Context(), "ann", note(strconv.Itoa(i))) }()
		}
		synctest.Wait()

		if retried(t, <-results); w.requests() != 2 {
			t.Errorf("%d requests at the same time, want 2", w.requests())
		}
		<-time.After(59 * time.Second)
		close(goOn)
		for range 5 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestWaitForATurnEnds(t *testing.T) {
	change := func(c *push.WebConfig) { c.Parallel, c.Timeout = 1, 20*time.Second }
	inFakeTime(t, change, func(t *testing.T, r *rig, w *wire) {
		r.subscribe(t, "ann", a)
		goOn := make(chan struct{})
		w.respond = func(*http.Request) (*http.Response, error) { // it does not even end with its context
			<-goOn
			return response(http.StatusCreated), nil
		}
		first := make(chan error)
		go func() { first <- r.Push(t.Context(), "ann", note("1")) }()
		synctest.Wait()
		start := time.Now()

		err := r.Push(t.Context(), "ann", note("2"))

		if retried(t, err); time.Since(start) != 20*time.Second {
			t.Errorf("waited %s for a turn, want 20s", time.Since(start))
		}
		close(goOn)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

func TestTTLIsWhatIsLeft(t *testing.T) {
	inFakeTime(t, nil, func(t *testing.T, r *rig, w *wire) {
		r.subscribe(t, "ann", a)
		n := note("1")
		for _, want := range []string{"3600", "3001", "1"} {
			switch want {
			case "3001":
				<-time.After(599*time.Second + 500*time.Millisecond)
			case "1":
				<-time.After(3000*time.Second + 499*time.Millisecond)
			}
			if err := r.Push(t.Context(), "ann", n); err != nil {
				t.Fatal(err)
			}
			if got := w.headers[len(w.headers)-1].Get("TTL"); got != want {
				t.Errorf("TTL %s, want %s", got, want)
			}
		}
		<-time.After(time.Millisecond)
		if err := r.Push(t.Context(), "ann", n); err != nil || w.requests() != 3 {
			t.Errorf("expired: %v, %d requests, want 3", err, w.requests())
		}
	})
}

func TestNotificationThatExpiresWhileItWaitsIsNotSent(t *testing.T) {
	change := func(c *push.WebConfig) { c.Parallel, c.Timeout = 1, 2*time.Hour }
	inFakeTime(t, change, func(t *testing.T, r *rig, w *wire) {
		r.subscribe(t, "ann", a)
		goOn := make(chan struct{})
		w.respond = func(*http.Request) (*http.Response, error) {
			<-goOn
			return response(http.StatusCreated), nil
		}
		results := make(chan error)
		for i := range 2 {
			go func() { results <- r.Push(t.Context(), "ann", note(strconv.Itoa(i))) }()
			synctest.Wait()
		}
		<-time.After(time.Hour)
		close(goOn)
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if w.requests() != 1 {
			t.Errorf("%d requests, want 1", w.requests())
		}
	})
}

func TestStoreThatFailsIsRetried(t *testing.T) {
	store := &failing{MemoryStore: push.NewMemoryStore(), err: errors.New("no database")}
	inFakeTime(t, func(c *push.WebConfig) { c.Store = store }, func(t *testing.T, r *rig, w *wire) {
		r.subscribe(t, "ann", a)
		err := r.Push(t.Context(), "ann", note("1"))
		if first, second := retried(t, err), retried(t, r.Push(t.Context(), "ann", note("1"))); first >= 5*time.Second || second < 5*time.Second || !errors.Is(err, store.err) {
			t.Errorf("%v after %s, then %s", err, first, second)
		}
		store.err = nil
		if err := r.Push(t.Context(), "ann", note("1")); err != nil || w.requests() != 1 {
			t.Errorf("%v, %d requests", err, w.requests())
		}
	})
}

// What a store fails to note does not undo what was sent.
func TestStoreThatCannotNoteIsLogged(t *testing.T) {
	inFakeTime(t, func(c *push.WebConfig) { c.Store = deaf{c.Store.(*push.MemoryStore)} }, func(t *testing.T, r *rig, w *wire) {
		r.subscribe(t, "ann", a, b)
		w.respond = func(request *http.Request) (*http.Response, error) {
			if request.URL.Host[0] == 'a' {
				return response(http.StatusGone), nil
			}
			return response(http.StatusCreated), nil
		}
		if err := r.Push(t.Context(), "ann", note("1")); err != nil {
			t.Error(err)
		}
		if logs := r.logs.String(); strings.Count(logs, "no database") != 2 || strings.Contains(logs, "secret") {
			t.Errorf("logs: %s", logs)
		}
	})
}

// deaf is a store that notes nothing about subscriptions.
type deaf struct{ *push.MemoryStore }

func (deaf) Delete(context.Context, string, string) error  { return errors.New("no database") }
func (deaf) Seen(context.Context, string, time.Time) error { return errors.New("no database") }

func TestErrorOfTheNetworkDoesNotShowTheEndpoint(t *testing.T) {
	inFakeTime(t, nil, func(t *testing.T, r *rig, w *wire) {
		r.subscribe(t, "ann", a)
		w.respond = func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
		err := r.Push(t.Context(), "ann", note("1"))
		if retried(t, err); err.Error() != "push: a.push.apple.com: unexpected EOF" {
			t.Errorf("got %q", err)
		}
	})
}
