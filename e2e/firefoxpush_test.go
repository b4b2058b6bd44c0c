package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/echo-pull/pull/e2e/internal/autopushtest"
	"github.com/echo-pull/pull/e2e/internal/firefoxtest"
)

// A note is a notification, as the small worker gets and lists it.
type note struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	Tag   string `json:"tag"`
}

// A subscriber is a browser that has subscribed on the small page.
type subscriber struct {
	*firefox
	t            *testing.T
	site         *pushSite
	sender       *autopushtest.Sender // nil if the test sends by other means
	page         *foxTab
	subscription autopushtest.Subscription
}

func newSubscriber(t *testing.T, f *firefox) *subscriber {
	t.Helper()
	sender := autopushtest.NewSender(t)
	s := subscribe(t, f, sender.Key())
	s.sender = sender
	return s
}

// subscribe subscribes with the key of an application server.
func subscribe(t *testing.T, f *firefox, key string) *subscriber {
	t.Helper()
	s := &subscriber{firefox: f, t: t, site: newPushSite(t)}
	if err := f.Permit(t.Context(), s.site.url, "notifications", "granted"); err != nil {
		t.Fatal(err)
	}
	s.page = f.open(t, s.site.url+"/")
	if !foxValue[bool](s.page, `forget()`) {
		t.Fatal("an earlier subscription does not end")
	}
	s.subscription = foxValue[autopushtest.Subscription](s.page, `subscribe("`+key+`")`)
	return s
}

// unsubscribe returns when the push service knows it.
func (s *subscriber) unsubscribe() {
	s.t.Helper()
	if !foxValue[bool](s.page, `navigator.serviceWorker.ready.then((r) => r.pushManager.getSubscription()).then((s) => s.unsubscribe())`) {
		s.t.Fatal("unsubscribe is false")
	}
	eventually(s.t, "the endpoint is gone", func() bool { return s.service.Gone(s.subscription.Endpoint) })
}

// push sends a notification and returns the status of the response.
func (s *subscriber) push(n note, topic string) int {
	s.t.Helper()
	request, err := s.sender.Request(s.t.Context(), s.subscription, []byte(n.json(s.t)))
	if err != nil {
		s.t.Fatal(err)
	}
	if topic != "" {
		request.Header.Set("Topic", topic)
	}
	response, err := s.service.Client().Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func (s *subscriber) close() {
	s.t.Helper()
	if err := s.page.Close(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// shows compares the notifications that the worker lists, in the order of their tags.
func (s *subscriber) shows(want ...note) {
	s.t.Helper()
	compareNotes(s.t, foxValue[[]note](s.page, "shown()"), want)
}

func compareNotes(t *testing.T, got, want []note) {
	t.Helper()
	slices.SortFunc(got, func(a, b note) int { return strings.Compare(a.Tag, b.Tag) })
	if !slices.Equal(got, want) {
		t.Errorf("the worker lists the notifications %v, want %v", got, want)
	}
}

func TestFirefoxShowsPushMessages(t *testing.T) {
	t.Parallel()
	s := newSubscriber(t, sharedFirefox(t))

	if status := s.push(note{"first", "of two", "a"}, ""); status != http.StatusCreated {
		t.Fatalf("the response is %d, want 201", status)
	}

	s.site.hears(t, "push", "first")
	s.shows(note{"first", "of two", "a"})
	eventually(t, "the notification is on the screen", func() bool {
		alerts, err := s.Alerts(t.Context())
		return err == nil && slices.ContainsFunc(alerts, func(a firefoxtest.Alert) bool {
			return a.Title == "first" && a.Body == "of two"
		})
	})
	eventually(t, "the browser acknowledges the message", func() bool {
		return slices.Equal(s.service.Acks(s.subscription.Endpoint), []int{100})
	})
}

func TestFirefoxReplacesNotificationsByTag(t *testing.T) {
	t.Parallel()
	s := newSubscriber(t, sharedFirefox(t))

	for _, n := range []note{{"old", "", "a"}, {"other", "", "b"}, {"new", "", "a"}} {
		s.push(n, "")
		s.site.hears(t, "push", n.Title)
	}

	s.shows(note{"new", "", "a"}, note{"other", "", "b"})
}

func TestFirefoxShowsPushMessagesOfClosedPages(t *testing.T) {
	t.Parallel()
	s := newSubscriber(t, sharedFirefox(t))
	s.close()

	s.push(note{"away", "", "a"}, "")

	s.site.hears(t, "push", "away")
	s.page = s.open(t, s.site.url+"/")
	s.shows(note{"away", "", "a"})
}

func TestFirefoxClickFocusesThePage(t *testing.T) {
	t.Parallel()
	s := newSubscriber(t, sharedFirefox(t))
	s.open(t, "about:blank")
	s.page.until("visible.at(-1) === false")
	before := foxValue[int](s.page, "visible.length")
	s.push(note{"click me", "", "a"}, "")

	if err := s.Click(t.Context(), "click me"); err != nil {
		t.Fatal(err)
	}

	s.site.hears(t, "click", "click me")
	s.page.until(fmt.Sprintf("visible.slice(%d).includes(true)", before))
	s.shows()
}

func TestFirefoxClickOpensAPageIfThereIsNone(t *testing.T) {
	t.Parallel()
	s := newSubscriber(t, sharedFirefox(t))
	s.close()
	s.push(note{"open me", "", "a"}, "")

	if err := s.Click(t.Context(), "open me"); err != nil {
		t.Fatal(err)
	}

	if _, err := s.Find(t.Context(), s.site.url+"/opened"); err != nil {
		t.Error(err)
	}
	s.site.hears(t, "click", "open me")
}

func TestUnsubscribedFirefoxIsGone(t *testing.T) {
	t.Parallel()
	s := newSubscriber(t, sharedFirefox(t))

	s.unsubscribe()

	if status := s.push(note{"gone", "", "a"}, ""); status != http.StatusGone {
		t.Errorf("the response is %d, want 410", status)
	}
}

func TestFirefoxWithoutPermissionDoesNotSubscribe(t *testing.T) {
	t.Parallel()
	f, site := sharedFirefox(t), newPushSite(t)
	if err := f.Permit(t.Context(), site.url, "notifications", "denied"); err != nil {
		t.Fatal(err)
	}
	page := f.open(t, site.url+"/")

	got := foxValue[string](page, `subscribe("`+autopushtest.NewSender(t).Key()+`").catch((error) => error.name)`)

	if got != "NotAllowedError" {
		t.Errorf("subscribe is %s, want NotAllowedError", got)
	}
	if got := foxValue[string](page, "Notification.permission"); got != "denied" {
		t.Errorf("the permission is %s, want denied", got)
	}
}

func TestFirefoxGetsPushMessagesAfterItWasKilled(t *testing.T) {
	t.Parallel()
	f, err := startFirefox(t.Context())
	needFirefox(t, err)
	t.Cleanup(f.end)
	s := newSubscriber(t, f)
	eventually(t, "the profile is on disk", func() bool { return f.saved(s.site.url) })
	f.Kill()
	eventually(t, "the browser is away", func() bool { return f.service.Connected() == 0 })

	s.push(note{"old", "", "a"}, "topic")
	s.push(note{"new", "", "a"}, "topic")
	s.push(note{"other", "", "b"}, "")
	if err := f.start(t.Context()); err != nil {
		t.Fatal(err)
	}

	s.site.hears(t, "push", "new")
	s.site.hears(t, "push", "other")
	if s.site.count("push", "old") != 0 {
		t.Error("the browser got a message that another had replaced")
	}
	s.page = f.open(t, s.site.url+"/")
	s.shows(note{"new", "", "a"}, note{"other", "", "b"})

	f.service.Forget()

	s.site.hears(t, "change", s.subscription.Endpoint)
}
