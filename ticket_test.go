package pull_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// bearer stands in for the middleware of an application that checks a token: it lets in
// whoever has the token "token-of-USER".
func bearer(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		user, ok := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer token-of-")
		if !ok {
			return echo.NewHTTPError(http.StatusUnauthorized, "no token")
		}
		c.Set("user", user)
		return next(c)
	}
}

// newTokenApp is newApp for an application whose routes are behind bearer.
func newTokenApp(t *testing.T, configure func(*pull.Config)) *app {
	t.Helper()
	a := newApp(t, func(c *pull.Config) {
		c.User = func(c echo.Context) (string, error) { user, _ := c.Get("user").(string); return user, nil }
		c.Secret = bytes.Repeat([]byte("s"), 32)
		if configure != nil {
			configure(c)
		}
	})
	a.Mount(a.echo.Group("/api/pull", bearer))
	return a
}

const ticketRoute = "/api/pull/ticket"

// ticketOf returns a ticket for a user.
func (a *app) ticketOf(t *testing.T, user string, headers ...string) string {
	t.Helper()
	response := a.do(t, http.MethodPost, ticketRoute, "", append(headers, "Authorization", "Bearer token-of-"+user)...)
	var issued struct {
		Ticket  string
		Expires int
	}
	body := text(response)
	if err := json.Unmarshal([]byte(body), &issued); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %s, %v, want 200 and a ticket", response.StatusCode, body, err)
	}
	if issued.Expires != 30 || issued.Ticket == "" || len(issued.Ticket) > 1024 || response.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %+v and %v, want a ticket of 30 s, and no-store", issued, response.Header)
	}
	return issued.Ticket
}

// enter connects to the routes behind bearer with a query. It returns the status, and the
// page if that is 101.
func (a *app) enter(t *testing.T, query string, headers ...string) (int, string, *page) {
	t.Helper()
	header := make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	d := websocket.Dialer{NetDialContext: a.listener.Dial}
	conn, response, err := d.DialContext(t.Context(), "ws://app.test/api/pull?protocol=2&"+query, header)
	if err == nil {
		return response.StatusCode, "", &page{Conn: conn}
	}
	if response == nil {
		t.Fatal(err)
	}
	return response.StatusCode, text(response), nil
}

// refused fails unless a handshake is refused with a status, for a reason.
func (a *app) refused(t *testing.T, query string, status int, reason string, headers ...string) {
	t.Helper()
	got, body, p := a.enter(t, query, headers...)
	if got != status || !strings.Contains(body, reason) || p != nil {
		t.Errorf("%s: status %d, %s, want %d because of %q", query, got, body, status, reason)
	}
}

func TestTicketIsTheLoginOfAHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, nil)
		defer a.stop(t)
		a.refused(t, "client=abc", http.StatusUnauthorized, "no token")

		_, _, p := a.enter(t, "client=abc&ticket="+a.ticketOf(t, "42"))

		if got := p.hello(t).Params["user"]; got != "42" {
			t.Errorf("the page is of %v, want 42", got)
		}
		send(t, a, pull.User("42"), "update")
		p.event(t)
	})
}

func TestTicketIsTheLoginOfEachKindOfConnection(t *testing.T) {
	for path, accept := range map[string]string{"/api/pull": "text/event-stream", "/api/pull/": "text/event-stream", "/api/pull/html": "*/*", "/api/pull/html/": "*/*"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newTokenApp(t, nil)
				defer a.stop(t)
				query := "?protocol=2&client=abc&ticket=" + a.ticketOf(t, "42")
				r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://app.test"+path+query, nil)
				r.Header.Set("Accept", accept)
				response, err := a.client.Do(r)
				if err != nil || response.StatusCode != http.StatusOK {
					t.Fatalf("got %v, %v, want 200", response, err)
				}
				synctest.Wait()
				if !a.Presence().Online("42")["42"] {
					t.Error("the user is not online")
				}
				_ = response.Body.Close()

				again := a.get(t, path+query, "Accept", accept)

				if body := text(again); again.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "used before") {
					t.Errorf("status %d, %s for the same ticket, want 401", again.StatusCode, body)
				}
			})
		})
	}
}

func TestTicketIsUsedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, nil)
		defer a.stop(t)
		query := "ticket=" + a.ticketOf(t, "42")
		_, _, p := a.enter(t, query)
		p.hello(t)

		a.refused(t, query, http.StatusUnauthorized, "the ticket was used before")

		_ = p.Close()
		synctest.Wait()
		a.refused(t, query, http.StatusUnauthorized, "the ticket was used before")
	})
}

func TestProbeChecksATicketAndDoesNotUseIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, nil)
		defer a.stop(t)
		query := "client=abc&ticket=" + a.ticketOf(t, "42")
		for range 3 {
			if got := a.get(t, "/api/pull?"+query, "Accept", "application/json").StatusCode; got != http.StatusUpgradeRequired {
				t.Errorf("status %d, want 426", got)
			}
		}
		_, _, p := a.enter(t, query)
		p.hello(t)

		if got := a.get(t, "/api/pull?"+query, "Accept", "application/json").StatusCode; got != http.StatusUnauthorized {
			t.Errorf("status %d for a probe with a used ticket, want 401", got)
		}
	})
}

func TestTicketThatIsNotValidIsRefusedWithAReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, func(c *pull.Config) { c.AllowedOrigins = []string{"https://shop.test", "https://other.test"} })
		defer a.stop(t)
		token := []string{"Authorization", "Bearer token-of-7"}
		plain, of := a.ticketOf(t, "42"), a.ticketOf(t, "42", "Origin", "https://shop.test")
		for _, c := range []struct {
			name, query string
			status      int
			reason      string
			headers     []string
		}{
			{"empty", "ticket=", http.StatusUnauthorized, "not a ticket", nil},
			{"empty, with a token", "ticket=", http.StatusUnauthorized, "not a ticket", token},
			{"without a value", "ticket", http.StatusUnauthorized, "not a ticket", nil},
			{"forged", "ticket=" + strings.Repeat("A", 200), http.StatusUnauthorized, "not a ticket", nil},
			{"forged, with a token", "ticket=" + strings.Repeat("A", 200), http.StatusUnauthorized, "not a ticket", token},
			{"huge", "ticket=" + strings.Repeat("A", 2000), http.StatusUnauthorized, "not a ticket", nil},
			{"two", "ticket=" + plain + "&ticket=" + plain, http.StatusBadRequest, "one ticket", nil},
			{"two, one of them empty", "ticket=" + plain + "&ticket", http.StatusBadRequest, "one ticket", nil},
			{"another name", "tickets=" + plain, http.StatusUnauthorized, "no token", nil},
			{"another allowed origin", "ticket=" + of, http.StatusUnauthorized, "another origin", []string{"Origin", "https://other.test"}},
			{"this origin", "ticket=" + of, http.StatusUnauthorized, "another origin", []string{"Origin", "http://app.test"}},
			{"an origin, of none", "ticket=" + plain, http.StatusUnauthorized, "another origin", []string{"Origin", "https://shop.test"}},
			{"an origin that is not allowed", "ticket=" + of, http.StatusForbidden, "origin not allowed", []string{"Origin", "https://evil.test"}},
			{"another site without an origin", "ticket=" + of, http.StatusForbidden, "origin not allowed", []string{"Sec-Fetch-Site", "cross-site"}},
			{"a malformed client", "client=a/b&ticket=" + plain, http.StatusBadRequest, "client is", nil},
		} {
			t.Log(c.name)
			a.refused(t, c.query, c.status, c.reason, c.headers...)
		}
		_, _, p := a.enter(t, "ticket="+of, "Origin", "https://SHOP.test:443") // none of these has used it
		p.hello(t)
		_, _, p = a.enter(t, "%74icket="+plain, "Origin", "http://app.test", "Authorization", "Bearer token-of-7")
		if got := p.hello(t).Params["user"]; got != "42" {
			t.Errorf("the page is of %v, want 42: the ticket wins", got)
		}
	})
}

func TestProbeRepeatsTheOriginOfATicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, func(c *pull.Config) { c.AllowedOrigins = []string{"https://shop.test", "https://other.test"} })
		defer a.stop(t)
		query := "/api/pull?ticket=" + a.ticketOf(t, "42", "Origin", "https://shop.test")
		for origin, want := range map[string]int{"https://shop.test": http.StatusUpgradeRequired, "https://other.test": http.StatusUnauthorized, "": http.StatusUpgradeRequired} {
			if got := a.get(t, query+"&origin="+url.QueryEscape(origin)).StatusCode; got != want {
				t.Errorf("status %d for a probe of %q, want %d", got, origin, want)
			}
		}
	})
}

func TestTicketExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, nil)
		defer a.stop(t)
		query := "ticket=" + a.ticketOf(t, "42")
		pass(30*time.Second - time.Millisecond)
		if got := a.get(t, "/api/pull?"+query).StatusCode; got != http.StatusUpgradeRequired {
			t.Errorf("status %d just before the end, want 426", got)
		}
		pass(time.Millisecond)

		a.refused(t, query, http.StatusUnauthorized, "the ticket has expired")
	})
}

// Only a GET of the routes with which pages connect is served before the middleware of
// the group.
func TestTicketOpensNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, nil)
		defer a.stop(t)
		for _, r := range []struct{ method, path string }{
			{http.MethodHead, "/api/pull"},
			{http.MethodPost, "/api/pull/watch"},
			{http.MethodPost, "/api/pull/ticket"},
			{http.MethodPost, "/api/pull/session"},
			{http.MethodGet, "/api/pull/push"},
			{http.MethodPost, "/api/pull/push"},
			{http.MethodDelete, "/api/pull/push"},
		} {
			got := a.do(t, r.method, r.path+"?ticket="+a.ticketOf(t, "42"), "").StatusCode
			if got < 400 || got == http.StatusUpgradeRequired {
				t.Errorf("%s %s: status %d, want a refusal", r.method, r.path, got)
			}
		}
	})
}

func TestTicketNeedsALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, nil)
		defer a.stop(t)
		for name, c := range map[string]struct {
			path    string
			headers []string
			status  int
		}{
			"no token":           {ticketRoute, nil, http.StatusUnauthorized},
			"a guest":            {"/pull/ticket", nil, http.StatusUnauthorized},
			"another site":       {ticketRoute, []string{"Authorization", "Bearer token-of-42", "Origin", "https://evil.test"}, http.StatusForbidden},
			"no origin":          {ticketRoute, []string{"Authorization", "Bearer token-of-42", "Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
			"an impossible user": {ticketRoute, []string{"Authorization", "Bearer token-of-" + strings.Repeat("x", 256)}, http.StatusUnauthorized},
			"a user":             {ticketRoute + "/", []string{"Authorization", "Bearer token-of-" + strings.Repeat("x", 255)}, http.StatusOK},
		} {
			if got := a.do(t, http.MethodPost, c.path, "", c.headers...).StatusCode; got != c.status {
				t.Errorf("%s: status %d, want %d", name, got, c.status)
			}
		}
	})
}

func TestGuestConnectsWithATicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, func(c *pull.Config) { c.Guests = true })
		defer a.stop(t)
		_, _, p := a.enter(t, "ticket="+a.ticketOf(t, ""))

		if got := p.hello(t).Params["user"]; got != "" {
			t.Errorf("the page is of %v, want a guest", got)
		}
	})
}

func TestTicketsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTokenApp(t, func(c *pull.Config) { c.MaxSessionsPerUser = 1 })
		defer a.stop(t)
		for range 20 {
			a.ticketOf(t, "42")
		}
		began := time.Now()
		response := a.do(t, http.MethodPost, ticketRoute, "", "Authorization", "Bearer token-of-42")
		if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" || time.Since(began) != time.Second {
			t.Errorf("status %d after %s, want 429 with Retry-After after 1s", response.StatusCode, time.Since(began))
		}
		a.ticketOf(t, "7")
		pass(10 * time.Second)
		a.ticketOf(t, "42")
	})
}
