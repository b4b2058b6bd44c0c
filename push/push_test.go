package push_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/push"
)

var (
	_ notification.Pusher     = (*push.WebPusher)(nil)
	_ notification.Audience   = (*push.WebPusher)(nil)
	_ notification.Subscriber = (*push.WebPusher)(nil)
)

func TestNotificationReachesTheBrowser(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := newRig(t, nil, s)
	ann := r.subscribe(t, "ann", s.URL+"/ann")
	r.subscribe(t, "bob", s.URL+"/bob")
	n := note("1")

	if err := r.Push(t.Context(), "ann", n); err != nil {
		t.Fatal(err)
	}

	if len(s.requests) != 1 {
		t.Fatalf("%d requests, want 1", len(s.requests))
	}
	got := s.requests[0]
	if got.Method != http.MethodPost || got.URL.Path != "/ann" || got.ProtoMajor != 2 {
		t.Errorf("%s %s %s", got.Method, got.URL.Path, got.Proto)
	}
	for name, want := range map[string]string{
		"TTL": "^(3600|3599)$", "Urgency": "^high$", "Content-Encoding": "^aes128gcm$", "Topic": "^[A-Za-z0-9_-]{32}$", "Authorization": "^vapid t=",
	} {
		if value := got.Header.Get(name); !regexp.MustCompile(want).MatchString(value) {
			t.Errorf("%s: %q, want %s", name, value, want)
		}
	}
	if origin, subject, err := r.Verify(got.Header.Get("Authorization")); err != nil || origin != s.URL || subject != "mailto:ops@example.com" {
		t.Errorf("the token is for %q from %q, %v", origin, subject, err)
	}
	if text := ann.Open(t, got.body); !bytes.Equal(text, n.Payload()) {
		t.Errorf("the browser read %s, want %s", text, n.Payload())
	}
	if left, gates := r.Unfinished(); left+gates != 0 {
		t.Errorf("%d notifications and %d gates are left", left, gates)
	}
}

func TestUserWithoutBrowsersIsNoError(t *testing.T) {
	t.Parallel()
	if err := newRig(t, nil).Push(t.Context(), "ann", note("1")); err != nil {
		t.Error(err)
	}
}

func TestEachSuccessIsDelivered(t *testing.T) {
	t.Parallel()
	for _, code := range []int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent} {
		s := newService(t)
		r := newRig(t, nil, s)
		r.subscribe(t, "ann", s.URL+"/ann")
		s.respond("/ann", status(code, ""))
		if err := r.Push(t.Context(), "ann", note("1")); err != nil || r.has(t, "ann") != 1 {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestSubscriptionThatIsGoneIsDeleted(t *testing.T) {
	t.Parallel()
	for _, code := range []int{http.StatusNotFound, http.StatusGone} {
		s := newService(t)
		r := newRig(t, nil, s)
		r.subscribe(t, "ann", s.URL+"/old", s.URL+"/new")
		s.respond("/old", status(code, "gone"))
		if err := r.Push(t.Context(), "ann", note("1")); err != nil || r.has(t, "ann") != 1 {
			t.Errorf("%d: %v, %d subscriptions are left, want 1", code, err, r.has(t, "ann"))
		}
		s.paths()
		if err := r.Push(t.Context(), "ann", note("2")); err != nil || s.paths() != "/new" {
			t.Errorf("%d: the next one: %v", code, err)
		}
	}
}

// A subscription that moved to another user in the meantime stays there.
func TestSubscriptionThatMovedIsNotDeleted(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := newRig(t, nil, s)
	r.subscribe(t, "ann", s.URL+"/one")
	s.respond("/one", func(w http.ResponseWriter, _ *http.Request) {
		r.subscribe(t, "bob", s.URL+"/one")
		w.WriteHeader(http.StatusGone)
	})
	if err := r.Push(t.Context(), "ann", note("1")); err != nil || r.has(t, "bob") != 1 {
		t.Errorf("%v, bob has %d, want 1", err, r.has(t, "bob"))
	}
}

func TestRefusalIsAnErrorAndDeletesNothing(t *testing.T) {
	t.Parallel()
	for code, words := range map[int]string{
		http.StatusBadRequest:            "400: {\"reason\":\"BadJwtToken\"}",
		http.StatusUnauthorized:          "keys, subject or token: {\"reason\":\"BadJwtToken\"}",
		http.StatusForbidden:             "keys, subject or token",
		http.StatusRequestEntityTooLarge: "too large",
		http.StatusMovedPermanently:      "redirect",
		http.StatusTemporaryRedirect:     "redirect",
		http.StatusPermanentRedirect:     "redirect",
		http.StatusTeapot:                "418",
	} {
		s := newService(t)
		r := newRig(t, nil, s)
		r.subscribe(t, "ann", s.URL+"/secret")
		s.respond("/secret", status(code, "{\"reason\":\"BadJwtToken\"}\r\n\x1b[31m", "Location", s.URL+"/elsewhere"))

		err := r.Push(t.Context(), "ann", note("1"))

		var refused *push.ServiceError
		if !errors.As(err, &refused) || errors.As(err, new(*notification.RetryError)) {
			t.Errorf("%d: %v, want a ServiceError", code, err)
			continue
		}
		if refused.Host != s.host() || refused.Status != code || refused.Reason != `{"reason":"BadJwtToken"} [31m` {
			t.Errorf("%d: %+v", code, refused)
		}
		if text := err.Error(); !strings.Contains(text, words) || !strings.Contains(text, s.host()) || strings.Contains(text, "secret") {
			t.Errorf("%d: the error is %q, want %q in it", code, text, words)
		}
		if paths := s.paths(); paths != "/secret" || r.has(t, "ann") != 1 {
			t.Errorf("%d: requests to %q, %d subscriptions", code, paths, r.has(t, "ann"))
		}
	}
}

func TestTemporaryFailureIsARetry(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]http.HandlerFunc{
		"429": status(http.StatusTooManyRequests, "slow down"), "500": status(http.StatusInternalServerError, ""),
		"502": status(http.StatusBadGateway, "<html>"), "503": status(http.StatusServiceUnavailable, ""), "reset": reset,
	} {
		s := newService(t)
		r := newRig(t, nil, s)
		r.subscribe(t, "ann", s.URL+"/secret")
		s.respond("/secret", respond, status(http.StatusCreated, ""))

		err := r.Push(t.Context(), "ann", note("1"))

		var retry *notification.RetryError
		if !errors.As(err, &retry) || retry.After < 2*time.Second || retry.After > 5*time.Second {
			t.Errorf("%s: %v, %+v, want a RetryError after 2.5 to 5 seconds", name, err, retry)
			continue
		}
		if text := err.Error(); !strings.Contains(text, s.host()) || strings.Contains(text, "secret") {
			t.Errorf("%s: the error is %q", name, text)
		}
		if err := r.Push(t.Context(), "ann", note("1")); err != nil || r.has(t, "ann") != 1 {
			t.Errorf("%s: the retry returned %v", name, err)
		}
		if left, gates := r.Unfinished(); left+gates != 0 {
			t.Errorf("%s: %d notifications and %d gates are left", name, left, gates)
		}
	}
}

func TestRetryLeavesOutDevicesThatAreDone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := newRig(t, nil, s)
	for _, path := range []string{"/ok", "/busy", "/gone", "/refused"} {
		r.subscribe(t, "ann", s.URL+path)
	}
	s.respond("/busy", status(http.StatusServiceUnavailable, ""), reset, status(http.StatusCreated, ""))
	s.respond("/gone", status(http.StatusGone, ""))
	s.respond("/refused", status(http.StatusForbidden, "wrong key"))

	err := r.Push(t.Context(), "ann", note("1"))

	if !errors.As(err, new(*notification.RetryError)) || errors.As(err, new(*push.ServiceError)) && strings.Contains(err.Error(), "wrong key") {
		t.Errorf("got %v, want a RetryError of /busy", err)
	}
	if logs := r.logs.String(); !strings.Contains(logs, "wrong key") {
		t.Errorf("the log has no refusal: %q", logs)
	}
	s.paths()
	if err := r.Push(t.Context(), "ann", note("1")); !errors.As(err, new(*notification.RetryError)) || s.paths() != "/busy" {
		t.Errorf("the second attempt: %v", err)
	}
	if err := r.Push(t.Context(), "ann", note("1")); err != nil || s.paths() != "/busy" {
		t.Errorf("the third attempt: %v", err)
	}
	// Another notification goes to all, and so does one to another user.
	if err := r.Push(t.Context(), "ann", note("2")); !errors.As(err, new(*push.ServiceError)) || len(strings.Fields(s.paths())) != 3 {
		t.Errorf("another notification: %v", err)
	}
}

func TestHostThatHangsDelaysNoOther(t *testing.T) {
	t.Parallel()
	hanging, quick := newService(t), newService(t)
	r := newRig(t, nil, hanging, quick)
	const devices = 5
	arrived := make(chan struct{}, devices)
	for i := range devices {
		path := "/" + strconv.Itoa(i)
		quick.respond(path, func(w http.ResponseWriter, _ *http.Request) { arrived <- struct{}{}; w.WriteHeader(http.StatusCreated) })
		hanging.respond(path, hang)
		r.subscribe(t, "ann", hanging.URL+path, quick.URL+path)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- r.Push(ctx, "ann", note("1")) }()

	for range devices {
		<-arrived
	}
	cancel()

	if err := <-result; !errors.As(err, new(*notification.RetryError)) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want a RetryError", err)
	}
}

func TestSlowResponseIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := newRig(t, nil, s)
	r.subscribe(t, "ann", s.URL+"/ann")
	arrived, goOn := make(chan struct{}), make(chan struct{})
	s.respond("/ann", func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-goOn
		w.WriteHeader(http.StatusCreated)
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20)) // more than is read
	})
	result := make(chan error)
	go func() { result <- r.Push(t.Context(), "ann", note("1")) }()
	<-arrived
	select {
	case err := <-result:
		t.Errorf("returned %v before the response", err)
	default:
	}
	close(goOn)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestLargeNotificationIsAnError(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := newRig(t, nil, s)
	r.subscribe(t, "ann", s.URL+"/ann")
	n := note("1")
	n.Body += strings.Repeat("x", notification.MaxPayload-len(n.Payload()))
	if err := r.Push(t.Context(), "ann", n); err != nil || len(s.requests) != 1 || len(s.requests[0].body) != 4096 {
		t.Errorf("the largest: %v", err)
	}
	n.Body += "x"
	if err := r.Push(t.Context(), "ann", n); err == nil || errors.As(err, new(*notification.RetryError)) || len(s.requests) != 1 {
		t.Errorf("one byte more: %v", err)
	}
}

// The topic is the same for the same tag at one endpoint only. It does not
// reveal the tag.
func TestTopic(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := newRig(t, nil, s)
	r.subscribe(t, "ann", s.URL+"/1")
	r.subscribe(t, "bob", s.URL+"/2")
	topic := func(user string, change func(*notification.Push)) string {
		p := notification.Push{Title: "Ann", Tag: "im-7"}
		change(&p)
		n := notification.New(p, strconv.FormatInt(time.Now().UnixNano(), 10), time.Now())
		if err := r.Push(t.Context(), user, &n); err != nil {
			t.Fatal(err)
		}
		return s.requests[len(s.requests)-1].Header.Get("Topic")
	}
	first := topic("ann", func(*notification.Push) {})
	if again := topic("ann", func(*notification.Push) {}); again != first || len(first) != 32 {
		t.Errorf("topics %q and %q of one tag", first, again)
	}
	if other := topic("ann", func(p *notification.Push) { p.Tag = "im-8" }); other == first {
		t.Error("two tags have one topic")
	}
	if other := topic("bob", func(*notification.Push) {}); other == first {
		t.Error("two devices have one topic")
	}
	if given := topic("ann", func(p *notification.Push) { p.Topic = "mine" }); given != "mine" {
		t.Errorf("topic %q, want the application's", given)
	}
	if none := topic("ann", func(p *notification.Push) { p.Tag = "" }); none != "" {
		t.Errorf("topic %q of a notification that replaces none", none)
	}
}

func TestManyPushesInParallel(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := newRig(t, func(c *push.WebConfig) { c.Parallel = 8 }, s)
	for user := range 10 {
		for device := range 3 {
			r.subscribe(t, strconv.Itoa(user), fmt.Sprintf("%s/%d/%d", s.URL, user, device))
		}
	}
	s.respond("/3/1", status(http.StatusGone, ""))
	s.respond("/4/1", status(http.StatusBadGateway, ""), status(http.StatusCreated, ""))
	var running sync.WaitGroup
	for i := range 100 {
		running.Go(func() {
			for attempt := 0; ; attempt++ {
				err := r.Push(t.Context(), strconv.Itoa(i%10), note(strconv.Itoa(i)))
				if err == nil {
					return
				}
				if !errors.As(err, new(*notification.RetryError)) || attempt > 3 {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	if left, gates := r.Unfinished(); left+gates != 0 || r.has(t, "3") != 2 {
		t.Errorf("%d notifications and %d gates are left; user 3 has %d", left, gates, r.has(t, "3"))
	}
	if got := len(s.requests); got < 100*3-20 || got > 100*3+10 {
		t.Errorf("%d requests", got)
	}
}
