package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

// ofTask returns the events of a change by ann.
func ofTask(command string, changed task) []pulltest.Message {
	by := map[string]any{"by": "ann", "task": changed}
	return []pulltest.Message{
		{Target: pull.Shared(), Event: pull.Event{Module: "tasks", Command: command, Params: changed}},
		{Target: pull.Tag("/admin"), Event: pull.Event{Module: "audit", Command: command, Params: by}},
	}
}

// addTask adds a task as ann.
func (s *site) addTask(title string) (added task, sent *pulltest.Messages) {
	s.Helper()
	sent = pulltest.Sent(s, s.plugin, func() { s.request("ann", http.MethodPost, "/tasks", url.Values{"title": {title}}) })
	for _, e := range sent.To(pull.Shared()).Events() {
		if err := json.Unmarshal(e.Params.(json.RawMessage), &added); err != nil {
			s.Fatal(err)
		}
	}
	return added, sent
}

func TestEveryoneAndTheAdminGetAChange(t *testing.T) {
	s := newSite(t)
	page := pulltest.Open(t, s.plugin, "bob")
	bread, sent := s.addTask("bread")
	milk := task{ID: bread.ID, Title: "milk", Done: true, Revision: 2}

	changed := pulltest.Sent(t, s.plugin, func() {
		s.request("ann", http.MethodPost, "/tasks/"+bread.ID, url.Values{"title": {"milk"}, "done": {"true"}})
	})
	removed := pulltest.Sent(t, s.plugin, func() { s.request("ann", http.MethodDelete, "/tasks/"+bread.ID, nil) })

	sent.Exactly(t, ofTask("save", task{ID: bread.ID, Title: "bread", Revision: 1})...)
	changed.Exactly(t, ofTask("save", milk)...)
	milk.Revision = 3
	removed.Exactly(t, ofTask("delete", milk)...)
	page.Expect(t, "tasks", "delete", nil)
	page.Refute(t, "audit", "delete") // bob does not look at the admin page
}

func TestChangeThatFailsIsNotAnnounced(t *testing.T) {
	s := newSite(t)
	for _, request := range [][2]string{{http.MethodPost, "/tasks"}, {http.MethodPost, "/tasks/7"}, {http.MethodDelete, "/tasks/7"}} {
		status := 0
		sent := pulltest.Sent(t, s.plugin, func() { status, _ = s.request("ann", request[0], request[1], nil) })

		if status < http.StatusBadRequest {
			t.Errorf("%s: got status %d, want an error", request, status)
		}
		sent.None(t)
	}
}

// The admin page watches its own address.
func TestAdminPageSeesWhoChangedWhat(t *testing.T) {
	s := newSite(t)
	page := pulltest.Open(t, s.plugin, "root")
	s.request("root", http.MethodGet, "/admin", nil)

	s.addTask("bread")

	var got struct{ By string }
	page.Expect(t, "audit", "save", &got)
	if got.By != "ann" {
		t.Errorf("got %q, want ann", got.By)
	}
}

func TestInspectorIsLiveForWhoHasAName(t *testing.T) {
	s := newSite(t)

	status, page := s.request("root", http.MethodGet, "/admin/pull", nil)
	_, login := s.request("", http.MethodGet, "/admin/pull", nil)

	if status != http.StatusOK || !strings.Contains(page, "<pull-watch grant=") {
		t.Errorf("got status %d and %s, want the overview with its grant", status, page)
	}
	if strings.Contains(login, "<pull-watch") {
		t.Error("a guest sees the inspector")
	}
}
