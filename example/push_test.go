package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
	"github.com/echo-pull/pull/push"
)

// openTestNotifier opens a notifier without keys in the environment. The test
// closes it.
func openTestNotifier(t *testing.T, file, service string) notifier {
	t.Helper()
	for _, name := range []string{"VAPID_PUBLIC_KEY", "VAPID_PRIVATE_KEY", "VAPID_SUBJECT"} {
		t.Setenv(name, "")
	}
	n, err := openNotifier(nil, file, service)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// browser is what a browser sends when it subscribes.
func browser(name string) []byte {
	return []byte(`{"endpoint":"https://` + standsInFor + `/wpush/v2/` + name + `","expirationTime":null,"keys":{
		"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`)
}

func TestKeysAndSubscriptionsSurviveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "push.db")
	first := openTestNotifier(t, file, "")
	if err := errors.Join(first.pusher.Subscribe(t.Context(), "bob", browser("1")), first.close()); err != nil {
		t.Fatal(err)
	}

	again := openTestNotifier(t, file, "")
	defer func() { _ = again.close() }()

	users, err := again.devices.Users(t.Context(), "", 10)
	if err != nil || !slices.Equal(users, []string{"bob"}) || again.pusher.Key() != first.pusher.Key() {
		t.Errorf("users %v, %v and key %s, want bob and %s", users, err, again.pusher.Key(), first.pusher.Key())
	}
}

func TestOnlyTheOwnerReadsTheKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "push.db")
	n := openTestNotifier(t, file, "")
	defer func() { _ = n.close() }()

	info, err := os.Stat(file)

	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v, want 0600", info.Mode(), err)
	}
}

func TestNodesThatStartTogetherHaveTheSameKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "push.db")
	startTogether(t, func() (*sql.DB, error) { return openSQLiteDB(file) })
}

// startTogether has nodes that all open one database make their keys at the same
// time, and compares them.
func startTogether(t *testing.T, open func() (*sql.DB, error)) {
	t.Helper()
	var all sync.WaitGroup
	keys := make([]push.Keys, 5)
	for i := range keys {
		all.Go(func() {
			db, err := open()
			if err == nil {
				keys[i], err = keysIn(t.Context(), db)
				err = errors.Join(err, db.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()

	if slices.ContainsFunc(keys, func(k push.Keys) bool { return k != keys[0] }) {
		t.Errorf("the keys are %v, want one pair", keys)
	}
}

func TestKeysOfTheEnvironmentComeFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "push.db")
	stored := openTestNotifier(t, file, "")
	keys, err := push.NewKeys()
	if err := errors.Join(err, stored.close()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAPID_PUBLIC_KEY", keys.Public)
	if n, err := openNotifier(nil, file, ""); err == nil {
		t.Errorf("without the private key: %s, want an error", n.pusher.Key())
	}
	t.Setenv("VAPID_PRIVATE_KEY", keys.Private)

	n, err := openNotifier(nil, file, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.close() }()

	if n.pusher.Key() != keys.Public {
		t.Errorf("the key is %s, want %s", n.pusher.Key(), keys.Public)
	}
}

func TestStandInIsOnThisMachine(t *testing.T) {
	for _, address := range []string{"192.0.2.1:80", "localhost:80", "127.0.0.1", "http://127.0.0.1:80", standsInFor + ":443"} {
		if n, err := openNotifier(nil, "", address); err == nil {
			t.Errorf("%s: %v, want an error", address, n)
		}
	}
}

func TestStandInGetsWhatIsForThePushService(t *testing.T) {
	got := make(chan *http.Request, 2)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r
		w.WriteHeader(http.StatusCreated)
	}))
	defer service.Close()
	n := openTestNotifier(t, "", service.Listener.Addr().String())
	if err := n.pusher.Subscribe(t.Context(), "bob", bytes.Replace(browser("1"), []byte(standsInFor), []byte("fcm.googleapis.com"), 1)); err == nil {
		t.Error("another push service was accepted")
	}
	if err := n.pusher.Subscribe(t.Context(), "bob", browser("1")); err != nil {
		t.Fatal(err)
	}

	err := n.pusher.Push(t.Context(), "bob", &pull.Notification{Push: *notification("ann", "Lunch?"), ID: "1", Expires: time.Now().Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}

	if r := <-got; r.Host != standsInFor || r.URL.Path != "/wpush/v2/1" || !strings.HasPrefix(r.Header.Get("Authorization"), "vapid ") {
		t.Errorf("got %s%s with %v, want that of the endpoint", r.Host, r.URL, r.Header)
	}
}

// A noted notification is what the Pusher got.
type noted struct {
	user string
	pull.Push
}

// notes is a Pusher for tests.
type notes chan noted

func (c notes) Push(_ context.Context, user string, n *pull.Notification) error {
	c <- noted{user, n.Push}
	return nil
}

// A site is the application with a Pusher that notes everything.
type site struct {
	*testing.T
	*echo.Echo
	notes   notes
	devices devices
	plugin  *pull.Plugin
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t, echo.New(), make(notes, 10), push.NewMemoryStore(), nil}
	s.plugin = pulltest.New(t, pull.Config{User: user, Nonce: nonce, Pusher: s.notes})
	routes(s.Echo, &app{pull: s.plugin, tasks: open(t, ""), devices: s.devices})
	return s
}

// request requests something as a user, and returns the status and the body.
func (s *site) request(name, method, path string, form url.Values) (int, string) {
	s.Helper()
	r := httptest.NewRequestWithContext(s.Context(), method, path, strings.NewReader(form.Encode()))
	r.Header.Set(echo.HeaderContentType, echo.MIMEApplicationForm)
	r.AddCookie(&http.Cookie{Name: "name", Value: url.QueryEscape(name)})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// say sends a message as ann, and returns the status.
func (s *site) say(form url.Values) int {
	s.Helper()
	status, _ := s.request("ann", http.MethodPost, "/say", form)
	return status
}

func (s *site) subscribe(name string) {
	s.Helper()
	if err := s.devices.Save(s.Context(), name, push.Subscription{Endpoint: "https://" + standsInFor + "/wpush/v2/" + name}); err != nil {
		s.Fatal(err)
	}
}

func TestMessageToOneWhoIsAwayBecomesANotification(t *testing.T) {
	s := newSite(t)
	s.subscribe("ann")
	s.subscribe("bob & co")

	status := s.say(url.Values{"to": {"user"}, "at": {"bob & co"}, "text": {"Lunch?"}})

	if status != http.StatusOK {
		t.Fatalf("status %d, want 200", status)
	}
	got := <-s.notes
	if got.user != "bob & co" || got.Title != "ann" || got.Body != "Lunch?" || got.URL != "/?to=ann" || got.Tag != "ann" {
		t.Errorf("got %+v, want that of ann's message for bob & co", got)
	}
}

func TestOnlyMessagesToOthersBecomeNotifications(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"ann", "bob"} {
		s.subscribe(name)
	}
	to := func(target pull.Target, to, at string) pulltest.Message {
		params := map[string]string{"from": "ann", "to": to, "at": at, "text": "Lunch?"}
		return pulltest.Message{Target: target, Event: pull.Event{Module: "im", Command: "message", Params: params}}
	}
	notified := pulltest.Message{Target: pull.User("bob"), Event: pull.Event{Module: "im", Push: notification("ann", "Lunch?")}}
	for _, c := range []struct {
		form   url.Values
		status int
		want   []pulltest.Message
	}{
		{url.Values{"to": {"everyone"}}, http.StatusOK, []pulltest.Message{to(pull.Shared(), "everyone", "")}},
		{url.Values{"to": {"page"}, "at": {"/"}}, http.StatusOK, []pulltest.Message{to(pull.Tag("/"), "page", "/")}},
		{url.Values{"to": {"user"}, "at": {"ann"}}, http.StatusOK, []pulltest.Message{to(pull.User("ann"), "user", "ann")}},
		{url.Values{"to": {"user"}, "at": {"bob"}}, http.StatusOK, []pulltest.Message{to(pull.User("ann", "bob"), "user", "bob"), notified}},
		{url.Values{"to": {"user"}, "at": {"bob"}, "fail": {"true"}}, http.StatusConflict, nil},
		{url.Values{"to": {"user"}, "at": {"eve"}}, http.StatusConflict, nil}, // has no notifications
	} {
		c.form.Set("text", "Lunch?")
		status := 0

		sent := pulltest.Sent(t, s.plugin, func() { status = s.say(c.form) })

		if status != c.status {
			t.Errorf("%v: status %d, want %d", c.form, status, c.status)
		}
		sent.Exactly(t, c.want...)
	}
}

func TestUsersWithNotificationsAreListed(t *testing.T) {
	s := newSite(t)
	if status, _ := s.request("", http.MethodGet, "/subscribers", nil); status != http.StatusUnauthorized {
		t.Errorf("a guest got status %d, want 401", status)
	}
	s.subscribe("bob")

	if _, body := s.request("ann", http.MethodGet, "/subscribers", nil); body != `{"users":["bob"]}` {
		t.Errorf("got %s, want bob", body)
	}
}

// A page that a notification has opened writes to the sender.
func TestPageWritesToTheSender(t *testing.T) {
	s := newSite(t)

	_, body := s.request("ann", http.MethodGet, notification("<b> & co", "Lunch?").URL, nil)

	if want := "<option selected>&lt;b&gt; &amp; co</option>"; !strings.Contains(body, want) {
		t.Errorf("got\n%s\nwant %s", body, want)
	}
}
