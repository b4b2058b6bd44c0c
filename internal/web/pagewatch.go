package web

import (
	"html/template"
	"net/http"
	"net/url"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/session"
)

// A Page is what the template of a page needs of the plugin: put it into the
// template's data, or embed it there. [Plugin.Page] returns it. It belongs to the
// request, and is of no use afterwards.
type Page struct {
	head func() template.HTML
	seal func(tags []string) (string, error)
}

// NewPage returns the page of a request. head returns its script tag.
func (s *Server) NewPage(c Context, head func() template.HTML) *Page {
	return &Page{head, func(tags []string) (string, error) { return s.Grant(c, tags) }}
}

// Head returns what [Plugin.Head] returns for the request: {{ .Head }}.
func (p *Page) Head() template.HTML { return p.head() }

// Watch returns a grant of the tags, as [Plugin.Grant] does for the request:
//
//	<pull-watch grant="{{ .Watch "ARTICLE_5" }}"></pull-watch>
//
// The template ends with its error, if it returns one.
func (p *Page) Watch(tags ...string) (string, error) { return p.seal(tags) }

// Grant returns a grant for the page of a request.
func (s *Server) Grant(c Context, tags []string) (string, error) {
	login, err := s.loginOf(c)
	if err != nil {
		return "", err
	}
	return s.engine.Grant(login, s.engine.GrantCursor(c.Request().Context()), tags)
}

const (
	handshakeGrants = 16 << 10 // largest size of the grants in the address of a handshake
	leastGrant      = 16       // what counts at least: empty ones would cost memory, too
)

// grantsOf returns the grants in the query of a handshake, or a refusal. The client
// of an html stream would not understand an answer about a grant, so that it must
// present none that is refused.
func (s *Server) grantsOf(query url.Values, login session.Login, v protocol.Version) ([]string, error) {
	texts := query["watch"]
	if v.IsHTML() {
		texts = query["grant"]
	}
	if err := checkSize(texts); err != nil {
		return nil, err
	}
	if v.IsHTML() {
		return texts, checkOpened(s.engine.OpenGrants(login, texts))
	}
	return texts, nil
}

// checkSize returns a refusal if a handshake has too many grants.
func checkSize(texts []string) error {
	size := 0
	for _, text := range texts {
		size += max(len(text), leastGrant)
	}
	if size > handshakeGrants {
		return refuseFor(engine.RefusedGrant, http.StatusRequestURITooLong, "the grants are longer than 16 KiB")
	}
	return nil
}

// checkOpened returns a refusal unless a page can have all grants.
func checkOpened(presented []hub.Presented) error {
	for i := range presented {
		if state := presented[i].State; state != "" {
			return refuseFor(engine.RefusedGrant, http.StatusForbidden, "the state of a grant is "+string(state))
		}
	}
	if !hub.FitPage(presented) {
		return refuseFor(engine.RefusedGrant, http.StatusForbidden, "the state of a grant is "+string(protocol.GrantLimit))
	}
	return nil
}

// checkGrants reports whether a request may contain these grants. How many they are
// is bounded by the size of the request.
func checkGrants(texts []string) bool {
	for _, text := range texts {
		if text == "" || len(text) > grant.MaxBytes {
			return false
		}
	}
	return true
}

// presented opens the grants of a handshake. A client that names its position in
// Last-Event-ID repeats the address of the connection before: it has watched since.
func (p *page) presented() []hub.Presented {
	presented := p.server.engine.OpenGrants(p.login(), p.handshake.grants)
	for i := range presented {
		presented[i].Renewed = presented[i].Renewed || p.handshake.repeats
	}
	return presented
}

// firstPosition returns where a page begins that has grants and no cursor: at the
// earliest of the requests that rendered them.
func firstPosition(presented []hub.Presented) *envelope.Cursor {
	var first *envelope.Cursor
	for i := range presented {
		if from := presented[i].From; first == nil || from.Epoch == first.Epoch && from.Offset < first.Offset {
			first = &from
		}
	}
	return first
}

// watchPage makes a page watch what the grants permit, and returns the answer. It
// reports whether the page is connected.
func (s *Server) watchPage(p *hub.Page, texts []string) (map[string]protocol.GrantAnswer, bool) {
	login := s.engine.Hub().LoginOf(p)
	presented := s.engine.OpenGrants(login, texts)
	if !s.engine.Hub().WatchPage(p, presented) {
		return nil, false
	}
	return s.engine.AnswerGrants(login, presented), true
}

// unwatchPage ends the watches of the grants, which may have expired.
func (s *Server) unwatchPage(p *hub.Page, texts []string) {
	s.engine.Hub().UnwatchPage(p, s.engine.OpenGrants(s.engine.Hub().LoginOf(p), texts))
}

// findPage returns the connected page of the user that has sent a request, or nil.
func (s *Server) findPage(c Context, user string) *hub.Page {
	client := c.Request().Header.Get(engine.HeaderClient)
	if client == "" {
		client = c.Request().URL.Query().Get("client")
	}
	if client == "" {
		return nil
	}
	return s.engine.Hub().FindPage(user, client)
}

// postWatches serves the part of a POST that is about the page's own watches. p is
// nil if this node does not have the page: it has gone, or is on another node.
func (s *Server) postWatches(p *hub.Page, q *request) (answer any, err error) {
	var answers map[string]protocol.GrantAnswer
	connected := p != nil
	if connected && q.Unwatch != nil {
		s.unwatchPage(p, q.Unwatch)
	}
	if connected && q.Watch != nil {
		answers, connected = s.watchPage(p, q.Watch)
	}
	if !connected {
		return nil, refuse(http.StatusNotFound, "this node has no connection of the client")
	}
	if answers == nil {
		return struct{}{}, nil
	}
	return answers, nil
}
