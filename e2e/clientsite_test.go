package e2e

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/push"
)

// A clientSite is an application with the plugin, package push and a page.
type clientSite struct {
	t      *testing.T
	url    string
	plugin *pull.Plugin
	store  *push.MemoryStore
	pusher *push.WebPusher

	mu      sync.Mutex     // guards shown and windows
	shown   []string       // titles of the notifications that workers have shown
	windows map[string]int // the number of windows that were open then, by title
}

// user is who is logged in, unless a cookie names somebody else.
const user = "42"

func newClientSite(t *testing.T, services *http.Client) *clientSite {
	t.Helper()
	s := &clientSite{t: t, store: push.NewMemoryStore(), windows: make(map[string]int)}
	keys, err := push.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	s.pusher, err = push.Web(push.WebConfig{
		Subject: "mailto:ops@example.org", Keys: keys, Store: s.store, Client: services, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.plugin, err = pull.New(pull.Config{
		User: whoIs, Guests: true, Pusher: s.pusher, PushPatience: 500 * time.Millisecond, Tick: time.Second,
		PresenceGrace: -1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.plugin.Register(pull.Module{ID: "im"}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.routes())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.plugin.Shutdown(ctx)
	})
	s.url = server.URL
	return s
}

// whoIs takes the user from a cookie with the port in its name: cookies of a host are
// the same on all ports.
func whoIs(c echo.Context) (string, error) {
	_, port, _ := net.SplitHostPort(c.Request().Host)
	if cookie, err := c.Cookie("user" + port); err == nil {
		return cookie.Value, nil
	}
	return user, nil
}

func (s *clientSite) routes() http.Handler {
	e := echo.New()
	e.Use(s.plugin.Middleware())
	s.plugin.Mount(e.Group("/pull"))
	e.POST("/shown", func(c echo.Context) error {
		title, _ := io.ReadAll(c.Request().Body)
		windows, _ := strconv.Atoi(c.QueryParam("windows"))
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shown = append(s.shown, string(title))
		s.windows[string(title)] = windows
		return c.NoContent(http.StatusNoContent)
	})
	e.POST("/say/:title", pull.Handler(func(c pull.Context) error {
		message := pull.Event{Module: "im", Command: "message", Params: c.Param("title")}
		message.Push = &pull.Push{Title: c.Param("title"), URL: "/live/im/7", Tag: c.QueryParam("tag")}
		if err := c.Pull().Send(pull.User(user), message); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}))
	e.GET("/app-worker.js", func(c echo.Context) error { return c.Blob(http.StatusOK, "text/javascript", []byte(appWorker)) })
	e.GET("/*", func(c echo.Context) error { return c.HTML(http.StatusOK, clientPage) })
	return reporting(e)
}

// reporting puts a reporter in front of the plugin's worker.
func reporting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/pull/pull-worker.js" {
			next.ServeHTTP(w, r)
			return
		}
		r.Header.Del("If-None-Match")
		worker := httptest.NewRecorder()
		next.ServeHTTP(worker, r)
		for _, name := range []string{"Content-Type", "Service-Worker-Allowed"} {
			w.Header().Set(name, worker.Header().Get(name))
		}
		_, _ = io.WriteString(w, reports+worker.Body.String())
	})
}

// subscriptions returns those of the user.
func (s *clientSite) subscriptions() []push.Subscription { return s.subscriptionsOf(user) }

func (s *clientSite) subscriptionsOf(user string) []push.Subscription {
	s.t.Helper()
	all, err := s.store.Of(s.t.Context(), user)
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// send sends a notification to the user, whether or not a page is looked at.
func (s *clientSite) send(p notification.Push) {
	s.t.Helper()
	n := notification.New(p, p.Title, time.Now())
	if err := s.pusher.Push(s.t.Context(), user, &n); err != nil {
		s.t.Fatal(err)
	}
}

// say has a handler send a message to the user.
func (s *clientSite) say(title, tag string) {
	s.t.Helper()
	address := s.url + "/say/" + url.PathEscape(title) + "?tag=" + url.QueryEscape(tag)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if _ = response.Body.Close(); response.StatusCode != http.StatusNoContent {
		s.t.Fatalf("the handler answered %s", response.Status)
	}
}

// hasShown waits until a worker has shown a notification. A page that lists them
// again and again instead would make Chromium lose some: it forgets those that it
// is about to show.
func (s *clientSite) hasShown(title string) {
	s.t.Helper()
	eventually(s.t, "the worker shows "+title, func() bool { return s.showed(title) })
}

// showWithoutPages shows notifications until all closed pages are gone: browsers take
// a moment. It returns the title of the last one.
func (s *clientSite) showWithoutPages(url string) (title string) {
	s.t.Helper()
	n := 0
	eventually(s.t, "no page is open", func() bool {
		n++
		title = "number " + strconv.Itoa(n) + " of " + s.url // every site's are in the same browser
		s.send(notification.Push{Title: title, URL: url, Tag: "again"})
		s.hasShown(title)
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.windows[title] == 0
	})
	return title
}

// showed reports whether a worker has shown a notification.
func (s *clientSite) showed(title string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return slices.Contains(s.shown, title)
}

// reports precedes the plugin's worker.
const reports = `{
	const { showNotification } = ServiceWorkerRegistration.prototype
	ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
		await showNotification.call(this, title, options)
		const { length } = await clients.matchAll({ type: "window", includeUncontrolled: true })
		await fetch("/shown?windows=" + length, { method: "POST", body: title })
	}
}
`

const clientPage = `<!doctype html><meta charset="utf-8"><title>client</title><link rel="icon" href="data:,"><script type="module">
import { Pull } from "/pull/pull.mjs"
globalThis.client = new Pull({ url: "/pull" })
globalThis.heard = []
client.subscribe({ moduleId: "im", command: "message", callback: (title) => heard.push(title) })
if (location.pathname.startsWith("/live")) client.start()
</script><script>
const visible = [document.visibilityState === "visible"], clicks = []
addEventListener("visibilitychange", () => visible.push(document.visibilityState === "visible"))
document.addEventListener("pull:push", (event) => clicks.push(event.detail))
async function shown() {
	const registrations = await navigator.serviceWorker.getRegistrations()
	const all = await Promise.all(registrations.map((one) => one.getNotifications()))
	return all.flat().map(({ title, body, tag }) => ({ title, body, tag }))
}
async function registered(script, scope) {
	await navigator.serviceWorker.register(script, { scope })
	await navigator.serviceWorker.ready
}
// ask sends the worker of the application a message and returns its reply.
async function ask(message) {
	const { active } = await navigator.serviceWorker.ready
	const { port1, port2 } = new MessageChannel()
	active.postMessage(message, [port2])
	return new Promise((resolve) => port1.onmessage = ({ data }) => resolve(data))
}
</script>`

// appWorker is an application's own worker, which imports that of the plugin. It
// notes what the plugin's does, and can click as no user does.
const appWorker = `
const badges = [], foreign = [], opened = []
navigator.setAppBadge = async (number) => void badges.push(number)
navigator.clearAppBadge = async () => void badges.push(0)
clients.openWindow = async (url) => void opened.push(url)
importScripts("/pull/pull-worker.js")
addEventListener("push", (event) => {
	try { if (event.data.json().web_push) return } catch {}
	foreign.push(event.data.text())
})
addEventListener("install", () => skipWaiting())
addEventListener("activate", (event) => event.waitUntil(clients.claim()))
addEventListener("message", async ({ data, ports: [port] }) => {
	if (data.click) {
		const notification = (await registration.getNotifications()).find(({ title }) => title === data.click)
		dispatchEvent(new NotificationEvent("notificationclick", { notification }))
	}
	port?.postMessage({ badges, foreign, opened })
})
`
