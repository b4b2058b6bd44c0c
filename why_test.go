package pull_test

import (
	"bytes"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// verdict finds the verdict in a page of the inspector.
var verdict = regexp.MustCompile(`<p class="verdict[^>]*>([^<]*)</p>`)

// why returns the verdict about an event at an offset, for a user, and the whole page.
func (a *app) why(t *testing.T, user, offset string) (text, page string) {
	t.Helper()
	synctest.Wait()
	page = a.inspect(t, "/why?user="+url.QueryEscape(user)+"&offset="+offset)
	found := verdict.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no verdict in %s", page)
	}
	return html.UnescapeString(found[1]), html.UnescapeString(page)
}

// explains fails unless the verdict begins with a text, and has some more.
func (a *app) explains(t *testing.T, user, offset, want string, more ...string) {
	t.Helper()
	text, page := a.why(t, user, offset)
	if !strings.HasPrefix(text, want) {
		t.Errorf("user %q, event %s: got %q, want %q …", user, offset, text, want)
	}
	for _, m := range more {
		if !strings.Contains(page, m) {
			t.Errorf("user %q, event %s: no %q in %s", user, offset, m, page)
		}
	}
}

// whyNode starts a node with an inspector, whose pages may watch tags themselves.
func whyNode(t *testing.T, log pull.Broker) *app {
	t.Helper()
	a := newInspected(t, func(c *pull.Config) {
		c.Broker, c.Guests, c.Secret = log, true, bytes.Repeat([]byte("s"), 32)
	})
	a.withGrants()
	return a
}

// has fails unless exactly these messages have arrived.
func (r *reading) has(t *testing.T, want ...string) {
	t.Helper()
	if got, _, err := r.wait(); !slices.Equal(got, want) || err != nil {
		t.Errorf("got %q and %v, want %q", got, err, want)
	}
}

func TestEachConnectionOfAUserIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := whyNode(t, nil)
		defer a.stop(t)
		r, cursor := a.fresh(t, "42")
		s := a.stream(t, "42", "?client=the-stream")
		s.hello(t)
		guest := a.watchingPage(t, "", "T")
		send(t, a, pull.User("42"), "update")
		r.sees(t, "update")
		s.block(t)
		first := a.lastOffset(t)
		a.explains(t, "42", first, "The user got the event on this node: it was sent to 2 sessions.", "(sse, ", "(websocket, ")
		a.explains(t, "", first, "Guests did not get the event, because it is for others.")

		send(t, a, pull.Tag("T"), "update")
		guest.has(t, "update")
		tagged := a.lastOffset(t)
		a.explains(t, "", tagged, "Guests got the event on this node: it was sent to 1 session.", "watches a tag of it itself")
		a.explains(t, "42", tagged, "The user did not get the event on this node, because no watch covers it.")

		s.close()
		a.disconnect(t, "42")
		send(t, a, pull.User("42"), "later")
		last := a.lastOffset(t)
		a.explains(t, "42", last, "None of 2 sessions got the event")
		a.explains(t, "42", first, "The user's page may have got the event", "(disconnect)", "(gone)")
		pass(time.Minute)
		back := a.resume(t, "42", cursor)
		back.sees(t, "update", "later")
		a.explains(t, "42", last, "The user got the event on this node: it was sent to 1 session; 2 did not")
		a.explains(t, "42", "999", "This node has read the log up to offset")
		a.explains(t, "42", "18446744073709551615", "Not the position of an event.")
	})
}

func TestANodeClaimsNothingAboutAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(pull.Memory)
		a, b := whyNode(t, log), whyNode(t, log)
		defer a.stop(t)
		r, _ := b.fresh(t, "42")
		own := b.watchingPage(t, "7", "T")
		pass(3 * time.Second)
		send(t, a, pull.User("42"), "update")
		r.sees(t, "update")
		toUser := a.lastOffset(t)
		send(t, a, pull.Tag("T"), "update")
		own.has(t, "update")
		toTag := a.lastOffset(t)

		a.explains(t, "42", toUser, "The event is for the user, who is connected to another node. What the user's pages got on 1 other node, only the inspector there shows.")
		b.explains(t, "42", toUser, "The user got the event on this node: it was sent to 1 session.")
		a.explains(t, "7", toTag, "The user did not get the event on this node, because no watch covers it. What the user's pages got on 1 other node")
		b.explains(t, "7", toTag, "The user got the event on this node")
		a.explains(t, "", toTag, "Guests did not get the event on this node, because no watch covers it. What pages got on other nodes, only those know.")

		b.stop(t)
		pass(3 * time.Second)
		a.explains(t, "7", toTag, "The user did not get the event on this node, because no watch covers it. What pages got on other nodes, only those know.")
		a.explains(t, "42", toUser, "The event is for the user, who has no session on this node.", "What pages got on other nodes, only those know.")
		c := whyNode(t, log)
		defer c.stop(t)
		send(t, c, pull.User("42"), "update")
		c.explains(t, "42", toUser, "The event is for the user, who has no session on this node.", "Sessions that ended before", "on other nodes, only those know")
	})
}
