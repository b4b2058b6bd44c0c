package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/push"
)

func TestSubscriptionsMoveAndEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	browser := push.NewBrowser(t)
	text, err := json.Marshal(browser.Subscription("https://fcm.googleapis.com/fcm/send/1"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	only := []byte(`{"endpoint":"https://fcm.googleapis.com/fcm/send/1"}`)
	for _, step := range []struct {
		name     string
		do       func() error
		ann, bob int
	}{
		{"ann subscribes", func() error { return r.Subscribe(ctx, "ann", text) }, 1, 0},
		{"bob ends ann's", func() error { return r.Unsubscribe(ctx, "bob", only) }, 1, 0},
		{"bob logs in there", func() error { return r.Subscribe(ctx, "bob", text) }, 0, 1},
		{"ann logs out late", func() error { return r.Unsubscribe(ctx, "ann", text) }, 0, 1},
		{"bob logs out", func() error { return r.Unsubscribe(ctx, "bob", only) }, 0, 0},
		{"bob logs out twice", func() error { return r.Unsubscribe(ctx, "bob", only) }, 0, 0},
	} {
		if err := step.do(); err != nil || r.has(t, "ann") != step.ann || r.has(t, "bob") != step.bob {
			t.Errorf("%s: %v, ann has %d, want %d; bob has %d, want %d", step.name, err, r.has(t, "ann"), step.ann, r.has(t, "bob"), step.bob)
		}
	}
}

// A page could name any URL as its endpoint.
func TestSubscribeRefusesOtherHosts(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, endpoint := range []string{
		"http://fcm.googleapis.com/x", "https://evil.example/", "https://127.0.0.1/", "https://localhost:8080/admin",
		"https://fcm.googleapis.com:22/", "https://user@fcm.googleapis.com/", "https://169.254.169.254/latest",
	} {
		text, err := json.Marshal(push.NewBrowser(t).Subscription(endpoint))
		if err != nil {
			t.Fatal(err)
		}
		var refused *notification.SubscriptionError
		if err := r.Subscribe(t.Context(), "ann", text); !errors.As(err, &refused) || refused.Reason == "" {
			t.Errorf("%s: %v, want a SubscriptionError", endpoint, err)
		}
	}
	for _, text := range []string{"", "{", "[]", "{}"} {
		if err := r.Subscribe(t.Context(), "ann", []byte(text)); !errors.As(err, new(*notification.SubscriptionError)) {
			t.Errorf("subscribe with %q: %v", text, err)
		}
		if err := r.Unsubscribe(t.Context(), "ann", []byte(text)); !errors.As(err, new(*notification.SubscriptionError)) {
			t.Errorf("unsubscribe with %q: %v", text, err)
		}
	}
	if r.has(t, "ann") != 0 {
		t.Error("one was saved")
	}
}

// What is in the store may be older than the list of hosts.
func TestPushChecksTheHostAgain(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := newRig(t, func(c *push.WebConfig) { c.Hosts = nil }, s)
	for _, endpoint := range []string{s.URL + "/x", "http://fcm.googleapis.com/x", "https://fcm.googleapis.com/x"} {
		subscription := push.NewBrowser(t).Subscription(endpoint)
		if endpoint == "https://fcm.googleapis.com/x" {
			subscription.Keys.Auth = "x"
		}
		if err := r.store.Save(t.Context(), "ann", subscription); err != nil {
			t.Fatal(err)
		}
	}
	err := r.Push(t.Context(), "ann", note("1"))
	if err == nil || errors.As(err, new(*notification.RetryError)) || strings.Count(err.Error(), "stored subscription") != 3 {
		t.Errorf("got %v, want three errors", err)
	}
	if len(s.requests) != 0 || r.has(t, "ann") != 3 {
		t.Errorf("%d requests, %d subscriptions", len(s.requests), r.has(t, "ann"))
	}
}

// The default client connects to no private address, even if the list names it.
func TestPushConnectsToNoPrivateAddress(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := newRig(t, func(c *push.WebConfig) { c.Client = nil }, s)
	r.subscribe(t, "ann", s.URL+"/secret")
	err := r.Push(t.Context(), "ann", note("1"))
	if err == nil || errors.As(err, new(*notification.RetryError)) || !strings.Contains(err.Error(), "not public") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an address that is not public", err)
	}
	if len(s.requests) != 0 {
		t.Error("the service got a request")
	}
}

func TestUsersAreThoseOfTheStore(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for i, user := range []string{"b", "a", "c"} {
		r.subscribe(t, user, "https://fcm.googleapis.com/"+strings.Repeat("x", i+1))
	}
	if got, err := r.Users(t.Context(), "a", 5); err != nil || !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("got %v, %v, want b and c", got, err)
	}
	r = newRig(t, func(c *push.WebConfig) { c.Store = unlisted{c.Store} })
	if got, err := r.Users(t.Context(), "", 5); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v, %v, want ErrUnsupported", got, err)
	}
}

type unlisted struct{ push.Store }

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	keys, err := push.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	good := push.WebConfig{Subject: "mailto:ops@example.com", Keys: keys, Store: push.NewMemoryStore()}
	w, err := push.Web(good)
	if err != nil || w.Key() != keys.Public {
		t.Fatalf("%v, key %q", err, w.Key())
	}
	for field, change := range map[string]func(*push.WebConfig){
		"Subject":  func(c *push.WebConfig) { c.Subject = "mailto:ops@localhost" },
		"Keys":     func(c *push.WebConfig) { c.Keys.Private = c.Keys.Private[1:] },
		"Store":    func(c *push.WebConfig) { c.Store = nil },
		"Hosts":    func(c *push.WebConfig) { c.Hosts = []string{"https://push.example"} },
		"Parallel": func(c *push.WebConfig) { c.Parallel = -1 },
		"Waiting":  func(c *push.WebConfig) { c.Waiting = -1 },
		"Timeout":  func(c *push.WebConfig) { c.Timeout = -time.Second },
	} {
		c := good
		change(&c)
		if _, err := push.Web(c); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("wrong %s: %v", field, err)
		}
	}
}

// The client of the application stays as it is.
func TestGivenClientIsNotChanged(t *testing.T) {
	t.Parallel()
	client := &http.Client{Timeout: time.Second}
	newRig(t, func(c *push.WebConfig) { c.Client = client })
	if client.CheckRedirect != nil {
		t.Error("it has another CheckRedirect")
	}
}

func TestStoreThatFailsToSaveIsReported(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *push.WebConfig) { c.Store = closed{} })
	text, err := json.Marshal(push.NewBrowser(t).Subscription("https://fcm.googleapis.com/1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		r.Subscribe(t.Context(), "ann", text), r.Unsubscribe(t.Context(), "ann", text),
		func() error { _, err := r.Users(t.Context(), "", 1); return err }(),
	} {
		if !errors.Is(err, errClosed) || errors.As(err, new(*notification.SubscriptionError)) {
			t.Errorf("got %v, want the store's error", err)
		}
	}
}

var errClosed = errors.New("closed")

type closed struct{ push.Store }

func (closed) Save(context.Context, string, push.Subscription) error   { return errClosed }
func (closed) Delete(context.Context, string, string) error            { return errClosed }
func (closed) Users(context.Context, string, int) ([]string, error)    { return nil, errClosed }
func (closed) Of(context.Context, string) ([]push.Subscription, error) { return nil, errClosed }
func (closed) Seen(context.Context, string, time.Time) error           { return errClosed }
