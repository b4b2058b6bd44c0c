package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// A pushSite is an application with the smallest page and worker that receive push
// messages. It tests the browsers and the stand-ins that other tests rely on.
type pushSite struct {
	url string

	mu   sync.Mutex // guards told
	told []event
}

// An event is what the worker reports of one.
type event struct {
	Type string `json:"type"`
	Text string `json:"text"` // of a push message, or the title of a notification
}

func newPushSite(t *testing.T) *pushSite {
	t.Helper()
	s := &pushSite{}
	mux := http.NewServeMux()
	serve := func(path, kind, text string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, text)
		})
	}
	serve("/{$}", "text/html", smallPage)
	serve("/opened", "text/html", smallPage)
	serve("/worker.js", "text/javascript", smallWorker)
	mux.HandleFunc("POST /tell", func(_ http.ResponseWriter, r *http.Request) {
		var e event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Errorf("the worker reports nonsense: %v", err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told = append(s.told, e)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// hears waits for an event of the worker.
func (s *pushSite) hears(t *testing.T, kind, text string) {
	t.Helper()
	eventually(t, "the worker gets "+kind+" "+text, func() bool { return s.count(kind, text) > 0 })
}

func (s *pushSite) count(kind, text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, e := range s.told {
		if (e == event{kind, text}) {
			n++
		}
	}
	return n
}

const smallPage = `<!doctype html><meta charset="utf-8"><title>push</title><link rel="icon" href="data:,"><script>
const visible = [document.visibilityState === "visible"] // and each change
addEventListener("visibilitychange", () => visible.push(document.visibilityState === "visible"))
async function register() {
	await navigator.serviceWorker.register("/worker.js")
	return navigator.serviceWorker.ready
}
async function subscribe(applicationServerKey) {
	const { pushManager } = await register()
	return (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey })).toJSON()
}
async function forget() { // what the page of an earlier site with this address has left
	const subscription = await (await register()).pushManager.getSubscription()
	return !subscription || subscription.unsubscribe()
}
async function shown() {
	const all = await (await navigator.serviceWorker.ready).getNotifications()
	return all.map(({ title, body, tag }) => ({ title, body, tag }))
}
</script>`

// smallWorker shows what it is sent, and reports it.
const smallWorker = `
const tell = (type, text) => fetch("/tell", { method: "POST", body: JSON.stringify({ type, text }) })
const opens = (url) => clients.matchAll({ type: "window", includeUncontrolled: true }).then(([page]) => page ? page.focus() : clients.openWindow(url))
addEventListener("install", () => skipWaiting())
addEventListener("activate", (event) => event.waitUntil(clients.claim()))
addEventListener("push", (event) => event.waitUntil((async () => {
	const message = event.data.json()
	const { title, ...options } = message.notification ?? message
	await registration.showNotification(title, options)
	await tell("push", title)
})()))
addEventListener("notificationclick", (event) => event.waitUntil((async () => {
	event.notification.close()
	await opens("/opened").catch((error) => tell("error", error.name))
	await tell("click", event.notification.title)
})()))
addEventListener("pushsubscriptionchange", (event) => event.waitUntil(tell("change", event.oldSubscription?.endpoint ?? "")))
`
