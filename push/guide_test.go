package push_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/push"
	"github.com/echo-pull/pull/push/storetest"
)

// The tests of this file contain the code in docs/push.md.

// A pushService stands in for the push services of all browsers. It records what
// they get, and responds with a status.
type pushService struct {
	status int

	mu       sync.Mutex // guards requests
	requests []string
}

// RoundTrip makes a pushService the Transport of an http.Client.
func (s *pushService) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, fmt.Sprintf("%s TTL %s urgency %s", r.URL, r.Header.Get("TTL"), r.Header.Get("Urgency")))
	return &http.Response{StatusCode: s.status, Body: http.NoBody}, nil
}

func (s *pushService) got() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.requests, "\n")
}

// subscription is what a browser sends. The keys may be any valid ones.
const subscription = `{"endpoint": "https://fcm.googleapis.com/fcm/send/anns-browser", "expirationTime": null, "keys": {
	"p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
	"auth": "BTBZMqHH6r4Tts7J_aSIgg"}}`

// newMessenger builds an application whose users write to one another.
func newMessenger(t *testing.T, configure func(*pull.Config)) (*messenger, *pushService) {
	t.Helper()
	keys, err := push.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	service := &pushService{status: http.StatusCreated}
	pusher, err := push.Web(push.WebConfig{
		Subject: "mailto:ops@shop.example", Keys: keys, Store: push.NewMemoryStore(),
		Client: &http.Client{Transport: service},
	})
	if err != nil {
		t.Fatal(err)
	}
	userOf := func(c echo.Context) string { return c.Request().Header.Get("X-User") }
	config := pull.Config{
		User:    func(c echo.Context) (string, error) { return userOf(c), nil },
		Pusher:  pusher,
		OnError: func(err error) { t.Error(err) },
	}
	if configure != nil {
		configure(&config)
	}
	p, err := pull.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	if err := p.Register(pull.Module{ID: "im"}); err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	e.POST("/im/:user", pull.Handler(func(c pull.Context) error {
		from, text := userOf(c), c.FormValue("text")
		event := pull.Event{
			Module: "im", Command: "message", Params: map[string]string{"from": from, "text": text},
			Push: &pull.Push{Title: from, Body: text, URL: "/im/" + url.PathEscape(from), Tag: "im-" + from},
		}
		if err := c.Pull().Send(pull.User(c.Param("user")), event); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}))
	e.POST("/im/:user/read", func(c echo.Context) error {
		if err := p.Push().Read(userOf(c), "im-"+c.Param("user")); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	return &messenger{t, e, p}, service
}

// A messenger is an application inside a test.
type messenger struct {
	*testing.T
	echo *echo.Echo
	pull *pull.Plugin
}

// do sends a user's request, which must succeed.
func (a *messenger) do(method, target, body, user string) {
	a.Helper()
	r, w := httptest.NewRequestWithContext(a.Context(), method, target, strings.NewReader(body)), httptest.NewRecorder()
	r.Header.Set("X-User", user)
	if a.echo.ServeHTTP(w, r); w.Code != http.StatusNoContent {
		a.Fatalf("%s %s: got status %d, want 204: %s", method, target, w.Code, w.Body)
	}
}

// open connects a user's page, which nobody looks at, until the test ends.
func (a *messenger) open(user string) {
	ctx, leave := context.WithCancel(a.Context())
	a.Cleanup(leave)
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/pull", nil)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("X-User", user)
	go a.echo.ServeHTTP(httptest.NewRecorder(), r)
	synctest.Wait()
}

func TestMessageToSomebodyOnNoPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, service := newMessenger(t, nil)
		a.do(http.MethodPost, "/pull/push", subscription, "ann")

		a.do(http.MethodPost, "/im/ann?text=Lunch", "", "bob")
		synctest.Wait()

		if got := service.got(); got != "https://fcm.googleapis.com/fcm/send/anns-browser TTL 43200 urgency normal" {
			t.Errorf("the push service got %q, want one message to the browser of ann", got)
		}
	})
}

// A page that is read in time makes the notification unnecessary.
func TestMessageThatIsReadInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, service := newMessenger(t, nil)
		a.do(http.MethodPost, "/pull/push", subscription, "ann")
		a.open("ann")

		a.do(http.MethodPost, "/im/ann?text=Lunch", "", "bob")
		time.Sleep(10 * time.Second) //nolint:forbidigo // in a bubble
		a.do(http.MethodPost, "/im/bob/read", "", "ann")

		time.Sleep(time.Hour) //nolint:forbidigo // in a bubble
		if got := service.got(); got != "" {
			t.Errorf("the push service got %q, want nothing", got)
		}
	})
}

// settings are what the users of an application have chosen.
type settings map[string]string

func (s settings) isMuted(_ context.Context, user, tag string) (bool, error) {
	if user == "" {
		return false, errors.New("no such user")
	}
	return s[user] == tag, nil
}

func TestMutedConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := settings{"ann": "im-bob"}
		a, service := newMessenger(t, func(config *pull.Config) {
			config.PushAllow = func(ctx context.Context, user string, e pull.Event) bool {
				muted, err := settings.isMuted(ctx, user, e.Push.Tag)
				return err == nil && !muted // if in doubt, no notification
			}
		})
		a.do(http.MethodPost, "/pull/push", subscription, "ann")

		a.do(http.MethodPost, "/im/ann?text=Lunch", "", "bob")

		time.Sleep(time.Hour) //nolint:forbidigo // in a bubble
		if got := service.got(); got != "" {
			t.Errorf("the push service got %q, want nothing", got)
		}
	})
}

// A fallback sends mail to the users who have no browsers.
type fallback struct {
	*push.WebPusher
	store push.Store
	mail  pull.Pusher
}

func (f fallback) Push(ctx context.Context, user string, n *pull.Notification) error {
	if err := f.WebPusher.Push(ctx, user, n); err != nil {
		return err
	}
	browsers, err := f.store.Of(ctx, user) // those that are gone have just been deleted
	if err != nil || len(browsers) > 0 {
		return err
	}
	return f.mail.Push(ctx, user, n)
}

func TestMailToThoseWithoutBrowsers(t *testing.T) {
	keys, err := push.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	mail := new(outbox)
	store, service := push.NewMemoryStore(), &pushService{status: http.StatusCreated}
	web, err := push.Web(push.WebConfig{Subject: "mailto:ops@shop.example", Keys: keys, Store: store, Client: &http.Client{Transport: service}})
	if err != nil {
		t.Fatal(err)
	}
	pusher := fallback{web, store, mail}
	var _ pull.Subscriber = pusher
	if err := pusher.Subscribe(t.Context(), "ann", []byte(subscription)); err != nil {
		t.Fatal(err)
	}

	n := pull.Notification{Push: pull.Push{Title: "Böb", Body: "Lunch?", URL: "/im/bob"}, ID: "1", Expires: time.Now().Add(time.Hour)}
	for _, user := range []string{"ann", "carl"} {
		if err := pusher.Push(t.Context(), user, &n); err != nil {
			t.Error(err)
		}
	}

	if got := service.got(); !strings.Contains(got, "anns-browser") {
		t.Errorf("the push service got %q, want the message to ann", got)
	}
	if got := fmt.Sprint(*mail); got != "[carl: Böb /im/bob]" {
		t.Errorf("got mails %s, want one to carl", got)
	}

	service.status, n.ID = http.StatusGone, "2"
	if err := pusher.Push(t.Context(), "ann", &n); err != nil || len(*mail) != 2 {
		t.Errorf("after ann's browser is gone: got %v and mails %s, want one more, to ann", err, *mail)
	}
}

// An outbox is a Pusher that records what it gets.
type outbox []string

func (o *outbox) Push(_ context.Context, user string, n *pull.Notification) error {
	*o = append(*o, user+": "+n.Title+" "+n.URL)
	return nil
}

// An fcm sends notifications to apps, by Firebase Cloud Messaging.
type fcm struct {
	client *http.Client // adds the OAuth 2 token of the service account
	url    string       // https://fcm.googleapis.com/v1/projects/PROJECT/messages:send
	tokens func(ctx context.Context, user string) ([]string, error)
	remove func(ctx context.Context, token string) error
}

func (f *fcm) Push(ctx context.Context, user string, n *pull.Notification) error {
	tokens, err := f.tokens(ctx, user)
	if err != nil {
		return &pull.RetryError{Err: err}
	}
	var errs []error
	for _, token := range tokens {
		errs = append(errs, f.sendTo(ctx, token, n))
	}
	return errors.Join(errs...) // a RetryError among them counts
}

func (f *fcm) sendTo(ctx context.Context, token string, n *pull.Notification) error {
	body, err := json.Marshal(map[string]any{"message": map[string]any{
		"token":        token,
		"notification": map[string]string{"title": n.Title, "body": n.Body},
		"data":         map[string]string{"url": n.URL},
		"android": map[string]any{
			"ttl":          fmt.Sprintf("%.0fs", time.Until(n.Expires).Seconds()),
			"notification": map[string]string{"tag": n.Tag},
		},
	}})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := f.client.Do(r)
	if err != nil {
		return &pull.RetryError{Err: err}
	}
	defer response.Body.Close() //nolint:errcheck // read to its end or not, it is done
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		return nil
	case status == http.StatusNotFound: // the app was removed from the device
		return f.remove(ctx, token)
	case status == http.StatusTooManyRequests, status >= 500:
		return &pull.RetryError{After: time.Minute, Err: fmt.Errorf("fcm: status %d", status)}
	default:
		return fmt.Errorf("fcm: status %d", status)
	}
}

func TestFCM(t *testing.T) {
	var asked, removed []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, string(body))
		if strings.Contains(string(body), "gone") {
			w.WriteHeader(http.StatusNotFound)
		}
		if strings.Contains(string(body), "busy") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	f := &fcm{
		client: server.Client(), url: server.URL,
		tokens: func(_ context.Context, user string) ([]string, error) { return strings.Fields(user), nil },
		remove: func(_ context.Context, token string) error { removed = append(removed, token); return nil },
	}
	n := pull.Notification{Push: pull.Push{Title: "Bob", URL: "/im/bob", Tag: "im-bob"}, ID: "1", Expires: time.Now().Add(time.Hour)}

	err := f.Push(t.Context(), "phone gone", &n)
	again := f.Push(t.Context(), "busy phone", &n)

	if err != nil || len(removed) != 1 || removed[0] != "gone" || len(asked) != 4 || !strings.Contains(asked[0], `"tag":"im-bob"`) {
		t.Errorf("got %v, removed %q and asked %q, want two messages and one removed device", err, removed, asked)
	}
	if retry := new(pull.RetryError); !errors.As(again, &retry) {
		t.Errorf("got %v, want a RetryError", again)
	}
}

func TestStoreOfMyOwn(t *testing.T) {
	storetest.Run(t, func(testing.TB) push.Store { return push.NewMemoryStore() })
}

// noDatabase is a database that cannot be reached.
type noDatabase struct{}

func (noDatabase) Connect(context.Context) (driver.Conn, error) { return nil, driver.ErrBadConn }
func (noDatabase) Driver() driver.Driver                        { return nil }

// The refusals that concern all notifications are found among the reports.
func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var alarms []string
		alert := func(what string, err error) { alarms = append(alarms, what+": "+err.Error()) }
		logger := slog.New(slog.DiscardHandler)
		a, service := newMessenger(t, func(config *pull.Config) {
			config.OnError = func(err error) {
				var refusal *push.ServiceError
				if errors.As(err, &refusal) && slices.Contains([]int{400, 401, 403}, refusal.Status) {
					alert("notifications at "+refusal.Host+" fail", err)
				}
				logger.Error("pull", "error", err)
			}
		})
		a.do(http.MethodPost, "/pull/push", subscription, "ann")

		for _, service.status = range []int{http.StatusRequestEntityTooLarge, http.StatusForbidden, http.StatusForbidden, http.StatusGone} {
			a.do(http.MethodPost, "/im/ann?text=Lunch", "", "bob")
			synctest.Wait()
		}

		if len(alarms) != 1 || !strings.HasPrefix(alarms[0], "notifications at fcm.googleapis.com fail: ") {
			t.Errorf("got %q, want one alarm", alarms)
		}
	})
}

// A SQLStore connects when it is used first, not in New.
func TestSubscriptionsInTheDatabaseOfTheApplication(t *testing.T) {
	db := sql.OpenDB(noDatabase{})
	defer func() { _ = db.Close() }()
	keys, err := push.NewKeys()
	if err != nil {
		t.Fatal(err)
	}

	pusher, err := push.Web(push.WebConfig{
		Subject: "mailto:ops@shop.example",
		Keys:    keys,
		Store:   push.NewSQLStore(db),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := pusher.Subscribe(t.Context(), "ann", []byte(subscription)); !errors.Is(err, driver.ErrBadConn) {
		t.Errorf("got %v, want the error of the database", err)
	}
}

// A task that is due is important for an hour, until somebody has done it.
func TestTaskThatIsDoneNotifiesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, service := newMessenger(t, nil)
		p := a.pull
		a.do(http.MethodPost, "/pull/push", subscription, "ann")
		a.open("ann")
		if err := p.Watch().Add("ann", "TASK_7"); err != nil {
			t.Fatal(err)
		}
		event := pull.Event{Module: "im", Push: &pull.Push{
			Title: "Task 7 is due", URL: "/tasks/7", Tag: "task-7", TTL: time.Hour, Important: true,
		}}
		if err := p.Send(t.Context(), pull.Tag("TASK_7"), event); err != nil {
			t.Fatal(err)
		}

		err := p.Push().Withdraw(pull.Tag("TASK_7"), "task-7")

		time.Sleep(time.Minute) //nolint:forbidigo // in a bubble
		if got := service.got(); err != nil || got != "" {
			t.Errorf("got %v and %q, want nothing", err, got)
		}
	})
}
