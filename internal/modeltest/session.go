package modeltest

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/session"
)

// SessionHeader is the request header with the id of the session, which is empty outside
// of pages. Config.Session of a node returns it, if World.Sessions is true.
const SessionHeader = "X-Session"

// header returns the header of a page's request, with its login.
func (p *page) header() http.Header {
	return http.Header{UserHeader: {p.user}, SessionHeader: {p.session}}
}

// logOut sometimes ends the session of a page while the page is connected. It reports
// whether the page still has to be connected to see that.
func (p *page) logOut(n *Node) bool {
	if p.loggedOut || !p.world.Sessions || !p.restless(300) {
		return true
	}
	p.loggedOut = true
	p.do("logging out")
	return n.operate("/logout?session="+url.QueryEscape(p.session)) == nil
}

// logIn gives a page another session once the last one was ended. The page is loaded
// again: its grants are of no use any more.
func (p *page) logIn() {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.logins++
	p.session = p.client + "." + strconv.Itoa(p.logins)
	if p.loggedOut {
		p.epoch, p.lastID, p.watches, p.unsure = "", "", nil, nil
	}
	p.loggedOut = false
}

// endSession notes from a message of the log that a session was ended.
func (m *model) endSession(offset uint64, e *entry) {
	if _, known := m.ended[e.list[0]]; !known {
		m.ended[e.list[0]] = offset
	}
}

// checkSessions checks that a page received nothing that was sent after its session had
// been ended.
func (m *model) checkSessions(p *page, part *part) {
	for i, offset := range part.got {
		end, ended := m.ended[session.IDOf(part.sessions[i]).String()]
		if ended && offset > end {
			m.t.Errorf("%s: got %d in session %s, which was ended at %d", p, offset, part.sessions[i], end)
			return
		}
	}
}

const kindEndSession = byte(envelope.KindEndSession)
