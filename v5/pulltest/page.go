package pulltest

import (
	"testing"

	"github.com/echo-pull/pull/internal/plugintest"
	"github.com/echo-pull/pull/v5"
)

// A Page is a page of a user, connected without a network. It receives what a
// browser would receive, in the same order, and within the same limits. It is safe
// for concurrent use. It closes with the test.
//
// Each method that takes a test first waits until the page has everything that was
// published before the call. Presence is published once a second: to see that no
// change of it comes, let a second of a bubble of testing/synctest pass.
//
//	func (p *Page) Expect(t testing.TB, module, command string, v any)
//
// Expect takes the first event with this name that the test has not taken yet, and
// decodes its params into v, unless v is nil. Events with other names stay where
// they are. If there is none, Expect waits two seconds for one that somebody is
// about to send, and then fails the test and ends it. Module is "online" for
// presence, "pull" for the responses to requests, and "client:im" for what other pages
// have sent with the module im.
//
//	func (p *Page) Refute(t testing.TB, module, command string)
//
// Refute fails the test if the page has an event with this name that the test has
// not taken.
//
//	func (p *Page) ExpectGap(t testing.TB)
//	func (p *Page) RefuteGap(t testing.TB)
//
// ExpectGap fails the test unless the page was notified of a gap since the last
// call, RefuteGap if it was.
//
//	func (p *Page) ExpectClose(t testing.TB, code int)
//
// ExpectClose fails the test unless the server has closed the connection with this
// code, such as 4003 after Plugin.Disconnect.
//
//	func (p *Page) Drop()
//	func (p *Page) Return()
//
// Drop ends the connection, as when a network fails. Return connects the page again
// at the position that it has reached, and presents the grants whose tags it watches
// again, as a browser does: what becomes of them is one more response. It ends the
// test if the page is connected, or is refused. What the page has received stays.
//
//	func (p *Page) Request(t testing.TB, request any)
//
// Request sends the server a request of the page, encoded as JSON: to extend a watch,
// map[string]any{"extend": []string{"TASK_7"}}. The protocol has the others. A
// page may send no more than a browser may.
//
//	func (p *Page) Client() string
//	func (p *Page) Cursor() string
//
// Client returns the page's id, for the header Pull-Client of its requests: see
// pull.Event.ExceptSender. Cursor returns the position in the log up to which the
// page has received everything.
type Page = plugintest.Page

// Open opens a page of a user, "" for a guest, at the end of the log. It ends the
// test if the page is refused: guests need Config.Guests, and there may be too many
// pages. Config.User is not called. What the user watches, by Outbox.Watch or
// Plugin.Watch, the page receives.
func Open(t testing.TB, p *pull.Plugin, user string) *Page {
	t.Helper()
	return plugintest.Open(t, p.Watch(), &pull.Session{User: user}, "")
}

// OpenSession is [Open] for a page whose login has an id or an end. Config.Session, which
// returns this login for the requests of the page, is not called. Whenever the page
// returns, it has the same login.
func OpenSession(t testing.TB, p *pull.Plugin, login pull.Session) *Page {
	t.Helper()
	return plugintest.Open(t, p.Watch(), &login, "")
}

// OpenAt is [Open] for a page that was rendered when the log was at the cursor, such
// as Outbox.Cursor: it first receives what was sent since. At a cursor that the
// server does not know, it is notified of a gap.
func OpenAt(t testing.TB, p *pull.Plugin, user, cursor string) *Page {
	t.Helper()
	return plugintest.Open(t, p.Watch(), &pull.Session{User: user}, cursor)
}
