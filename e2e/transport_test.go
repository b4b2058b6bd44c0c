package e2e

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestBlockedWebSocketsGiveWayToServerSentEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.breakWith(refuseUpgrades)
	page := newPerson(t, "ann").open(t, s.url+"/page?watch=TASK_7")
	s.send(pull.Tag("TASK_7"), 1)

	page.connected()

	if got := value[string](page, "BX.PULL.getDebugInfo().transport"); got != "sse" {
		t.Errorf("transport %q, want sse", got)
	}
	s.send(pull.User("ann"), 2)
	page.heard(1, 2)
	page.run(`BX.PULL.extendWatch("TASK_8", true)
		BX.PULL.clearWatch("TASK_7")
		BX.PULL.extendWatch("TASK_7", true)`)
	page.until(`BX.PULL.getDebugInfo().watches.join() === "TASK_7"`) // the other one was not granted
	page.clean("WebSocket", "400", "426")
}

// A WebSocket that a policy forbids fires an error event and no close event.
func TestPolicyThatForbidsWebSocketsGivesWayToServerSentEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	page := newPerson(t, "ann").open(t, s.url+"/page?policy="+url.QueryEscape("connect-src "+s.url))

	page.connected()

	if got := value[string](page, "BX.PULL.getDebugInfo().transport"); got != "sse" {
		t.Errorf("transport %q, want sse", got)
	}
	s.send(pull.User("ann"), 1)
	page.heard(1)
	page.clean("WebSocket", "Content Security Policy", "426")
}

func refuseUpgrades(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if websocket.IsWebSocketUpgrade(c.Request()) {
			return echo.NewHTTPError(http.StatusBadRequest, "a proxy that knows no WebSockets")
		}
		return next(c)
	}
}

func TestDisconnectStopsThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	ann := newPerson(t, "ann").open(t, s.url+"/page")
	bob := newPerson(t, "bob").open(t, s.url+"/page")
	ann.connected()
	bob.connected()
	before := s.attempts()

	if err := s.current().Disconnect("ann"); err != nil {
		t.Error(err)
	}

	ann.until(`errors.includes("AUTHORIZE_ERROR")`)
	ann.until(`statuses.at(-1) === "offline"`) // after the five seconds within which it would have reconnected
	ann.run(`window.dispatchEvent(new Event("online"))`)
	s.send(pull.Shared(), 1)
	bob.heard(1)
	if value[bool](ann, "BX.PULL.isConnected()") || s.attempts() != before {
		t.Errorf("the page has connected again, want it to stay away")
	}
	ann.run("BX.PULL.start()")
	ann.connected() // the application may let the page in again
	ann.heard(1)
}

// The second client calls no hooks, whatever its platform: they belong to the page.
func TestTwoClientsOnOnePage(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	page := newPerson(t, "ann").open(t, s.url+"/page?twice=yes")
	page.connected()
	page.run(`window.other = new Pull({ url: "/pull" })
		window.calls = []
		other.subscribe({ moduleId: "test", command: "n", callback: (params) => calls.push(params.n) })
		other.start()`)
	page.until("other.isConnected()")
	sessions := s.current().Stats().Sessions

	s.send(pull.User("ann"), 1, 2)
	page.heard(1, 2)
	page.run("other.stop()")
	s.send(pull.User("ann"), 3)
	page.heard(1, 2, 3)

	if sessions != 2 {
		t.Errorf("%d sessions, want one of each client, and none of the repeated script", sessions)
	}
	if got := value[string](page, "calls.join()"); got != "1,2" {
		t.Errorf("the second client received %s, want 1,2", got)
	}
	page.clean()
}
