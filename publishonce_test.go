package pull_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

const idempotency = "Idempotency-Key"

// publishNode returns a node on a log.
func publishNode(t *testing.T, b pull.Broker) *app {
	t.Helper()
	a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = b, func(error) {} })
	a.withPublish(nil)
	return a
}

// status returns the status and the text of a response.
func status(r *http.Response) string { return r.Status + " " + strings.TrimSpace(text(r)) }

// has fails unless a response has a status and a text.
func has(t *testing.T, r *http.Response, code int, part string) {
	t.Helper()
	if got := status(r); r.StatusCode != code || !strings.Contains(got, part) {
		t.Errorf("got %s, want %d and %q", got, code, part)
	}
}

func TestRepeatedRequestPublishesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(pull.Memory)
		nodes := []*app{publishNode(t, log), publishNode(t, log)}
		defer stopAll(t, nodes)
		r, at := nodes[1].fresh(t, "1")

		first := nodes[0].publishes(t, toOne("1", "2", "3"), idempotency, "order-7")
		nodes[0].publishes(t, toOne("other"), idempotency, "order-8")
		for _, a := range nodes {
			if again := a.publishes(t, toOne("1", "2", "3"), idempotency, "order-7"); again != first {
				t.Errorf("got %s, want the cursor of the first, %s", again, first)
			}
			has(t, a.publish(t, toOne("1", "2"), idempotency, "order-7"), 422, "another request had this")
			has(t, a.publish(t, toOne("1", "2", "3", "4"), idempotency, "order-7"), 422, "another request had this")
		}

		r.sees(t, "1", "2", "3", "other")
		nodes[0].resume(t, "1", at).sees(t, "1", "2", "3", "other")
		nodes[0].publishes(t, toOne("1"))
		nodes[0].publishes(t, toOne("1"))
		r.sees(t, "1", "2", "3", "other", "1", "1")
	})
}

// Handlers with different keys are different publishers.
func TestIdempotencyKeysOfTwoPublishersNeverMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := publishNode(t, nil)
		defer a.stop(t)
		a.echo.POST("/other", a.PublishHandler(pull.PublishConfig{Keys: []string{"a-key-of-another-one"}, Modules: []string{"tasks"}}))
		r, _ := a.fresh(t, "1")

		a.publishes(t, toOne("mine"), idempotency, "1")
		response := a.do(t, http.MethodPost, "/other", toOne("theirs"), "Authorization", "Bearer a-key-of-another-one",
			"Content-Type", "application/x-ndjson", idempotency, "1")

		has(t, response, 200, "cursor")
		r.sees(t, "mine", "theirs")
	})
}

// held is a log whose deliveries and publications wait for a test.
type held struct {
	pull.Broker
	mu      sync.Mutex // guards passing
	passing chan struct{}
}

func (h *held) Publish(ctx context.Context, messages ...[]byte) error {
	h.mu.Lock()
	passing := h.passing
	h.mu.Unlock()
	if passing != nil {
		<-passing
	}
	return h.Broker.Publish(ctx, messages...)
}

// Two nodes publish under one key at the same time: neither knows of the other.
func TestConcurrentRequestsOnTwoNodes(t *testing.T) {
	for name, bodies := range map[string][2]string{
		"same content":  {toOne("1", "2"), toOne("1", "2")},
		"other content": {toOne("1", "2"), toOne("a", "b", "c")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(pull.Memory)
				logs := []*held{{Broker: log}, {Broker: log}}
				nodes := []*app{publishNode(t, logs[0]), publishNode(t, logs[1])}
				defer stopAll(t, nodes)
				pages := []*reading{}
				for _, a := range nodes {
					r, _ := a.fresh(t, "1")
					pages = append(pages, r)
				}
				responses := make([]*http.Response, 2)
				var running sync.WaitGroup
				for i, a := range nodes {
					logs[i].mu.Lock()
					logs[i].passing = make(chan struct{})
					logs[i].mu.Unlock()
					running.Go(func() { responses[i] = a.publish(t, bodies[i], idempotency, "k") })
				}
				synctest.Wait()

				close(logs[1].passing) // this one is first
				synctest.Wait()
				close(logs[0].passing)
				running.Wait()

				winner := text(responses[1])
				want := []string{"1", "2"}
				if bodies[0] == bodies[1] {
					has(t, responses[0], 200, strings.TrimSpace(winner))
				} else {
					has(t, responses[0], 422, "another request had this")
					want = []string{"a", "b", "c"}
				}
				if !strings.Contains(winner, "cursor") {
					t.Errorf("the first got %s", winner)
				}
				for _, r := range pages {
					r.sees(t, want...)
				}
			})
		})
	}
}

// dying is a log that takes a part of what a node publishes, and then nothing.
type dying struct {
	pull.Broker
	mu   sync.Mutex // guards left
	left int        // messages that it takes; negative: all
}

var errDead = errors.New("dead")

func (d *dying) Publish(ctx context.Context, messages ...[]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()

	if d.left < 0 {
		return d.Broker.Publish(ctx, messages...)
	}
	n := min(d.left, len(messages))
	if d.left -= n; n > 0 {
		return errors.Join(errDead, d.Broker.Publish(ctx, messages[:n]...))
	}
	return errDead
}

func (d *dying) dieAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = n
}

// A node dies while a part of a batch is in the log. The service, which has got no
// response, repeats the request on another node: the rest is published.
func TestRepetitionCompletesABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(pull.Memory)
		first := &dying{Broker: log, left: -1}
		dies, lives := publishNode(t, first), publishNode(t, log)
		r, at := lives.fresh(t, "1")
		first.dieAfter(2)
		body := toOne("1", "2", "3", "4")

		has(t, dies.publish(t, body, idempotency, "k"), 503, "repeat the request")
		_ = dies.end(t)
		r.sees(t, "1", "2")
		has(t, lives.publish(t, toOne("1", "2", "x"), idempotency, "k"), 422, "")
		cursor := lives.publishes(t, body, idempotency, "k")

		r.sees(t, "1", "2", "3", "4")
		lives.resume(t, "1", at).sees(t, "1", "2", "3", "4")
		lives.resume(t, "1", cursor).sees(t)
		later := publishNode(t, log)
		if again := later.publishes(t, body, idempotency, "k"); again != cursor {
			t.Errorf("a new node returned %s, want %s", again, cursor)
		}
		later.stop(t)
		lives.stop(t)
	})
}

// A request without a response may be published later, and its repetition with it.
func TestRequestThatWaitedForTheBrokerIsPublishedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := publishNode(t, f)
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		f.set(func(f *faults) { f.err = errBroker })
		began := time.Now()

		response := a.publish(t, toOne("1", "2"), idempotency, "k")

		has(t, response, 503, "may have a part of them")
		if took := time.Since(began); took != 10*time.Second || response.Header.Get("Retry-After") == "" {
			t.Errorf("took %s, Retry-After %q, want 10s and a number", took, response.Header.Get("Retry-After"))
		}
		f.set(func(f *faults) { f.err = nil; f.acks = 2 })
		a.publishes(t, toOne("1", "2"), idempotency, "k")
		pass(10 * time.Second)
		r.sees(t, "1", "2")
	})
}

func TestPublishingMeetsAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := publishNode(t, nil)
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		empty := pulltest.FillQueue(t, a.Plugin)

		response := a.publish(t, toOne("1", "2"), idempotency, "k")

		has(t, response, 429, "nothing was published")
		if response.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		empty()
		a.publishes(t, toOne("1", "2"), idempotency, "k")
		r.sees(t, "1", "2")
	})
}

// Keys survive a planned restart of a single node, with its log.
func TestRepetitionAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		open := func() *app {
			a := newApp(t, func(c *pull.Config) { c.StateFile = file })
			a.withPublish(nil)
			a.withPage("T")
			return a
		}
		a := open()
		at := a.rendered(t, "1")
		first := a.publishes(t, toOne("1", "2"), idempotency, "k")
		a.stop(t)
		pass(3 * time.Second)

		a = open()
		defer a.stop(t)

		if again := a.publishes(t, toOne("1", "2"), idempotency, "k"); again != first {
			t.Errorf("got %s, want %s", again, first)
		}
		has(t, a.publish(t, toOne("1"), idempotency, "k"), 422, "")
		a.resume(t, "1", at).sees(t, "1", "2")
	})
}

// The window bounds how long a request is known.
func TestRequestIsKnownForAsLongAsTheWindowHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(pull.Memory)
		nodes := []*app{publishNode(t, log), publishNode(t, log)}
		defer stopAll(t, nodes)
		r, _ := nodes[0].fresh(t, "1")
		nodes[0].publishes(t, toOne("1"), idempotency, "k")
		pass(4*time.Minute + 50*time.Second)
		nodes[1].publishes(t, toOne("1"), idempotency, "k")
		r.sees(t, "1")
		pass(30 * time.Second)

		nodes[1].publishes(t, toOne("new"), idempotency, "k")

		r.sees(t, "1", "new")
	})
}

func TestPublishingDuringAShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := publishNode(t, nil)
		r, _ := a.fresh(t, "1")
		handler := a.echo
		if err := a.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}

		has(t, a.publish(t, toOne("late")), 503, "nothing was published")

		if commands, _, _ := r.wait(); slices.Contains(commands, "late") {
			t.Error("got an event of after the shutdown")
		}
		a.echo = handler
		_ = a.end(t)
	})
}

// A client that goes away while it waits leaves nothing behind.
func TestPublisherThatGoesAwayIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := publishNode(t, f)
		defer a.stop(t)
		ended := make(chan error, 1)
		a.echo.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				err := next(c)
				ended <- err
				return err
			}
		})
		f.set(func(f *faults) { f.err = errBroker })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		request, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://app.test/publish", strings.NewReader(toOne("x")))
		request.Header.Set("Authorization", "Bearer "+publishKey)
		request.Header.Set("Content-Type", "application/x-ndjson")

		if response, err := a.client.Do(request); err == nil {
			_ = response.Body.Close()
			t.Fatal("got a response")
		}
		<-ended

		if took := time.Since(began); took != time.Second {
			t.Errorf("the handler took %s, want 1s", took)
		}
		f.set(func(f *faults) { f.err = nil })
	})
}
