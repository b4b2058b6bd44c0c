package pull_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// One user does everything that is allowed at full speed for five minutes: opens
// pages with watches, extends them, requests last-seen times, and reconnects.
func TestOneUserDoesNotShortenTheWindowOfTheOthers(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarted=%t", restarted), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "state")
				configure := func(c *pull.Config) {
					c.StateFile, c.PresenceGrace = file, -1
					c.WindowCount, c.WindowBytes = 40, 8<<10
				}
				a := newApp(t, configure)
				defer func() { a.stop(t) }()
				a.echo.GET("/page/:tag", pull.Handler(func(c pull.Context) error { return c.Pull().Watch(c.Param("tag")) }))
				quiet, at := a.fresh(t, "quiet")
				quiet.leave()
				var sent []string
				for second := range 290 {
					if second%10 == 0 {
						sent = append(sent, fmt.Sprint("event", second))
						send(t, a, pull.User("quiet"), sent[len(sent)-1])
					}
					a.doAllThatIsAllowed(t, "mallory", second)
				}
				if restarted {
					a.stop(t)
					a = newApp(t, configure)
				}

				a.resume(t, "quiet", at).sees(t, sent...)
			})
		})
	}
}

// doAllThatIsAllowed does one second of it.
func (a *app) doAllThatIsAllowed(t *testing.T, user string, second int) {
	t.Helper()
	var tags []string
	for i := range 10 {
		tags = append(tags, fmt.Sprintf("%s%d-%d", strings.Repeat("T", 200), second, i))
		if got := a.get(t, "/page/"+tags[i], userHeader, user).StatusCode; got != http.StatusOK {
			t.Fatalf("page: got %d, want 200", got)
		}
	}
	p := a.dial(t, user, "")
	for range 2 {
		pass(500 * time.Millisecond)
		request := fmt.Sprintf(`{"extend":["%s"],"seen":["quiet"]}`, strings.Join(tags, `","`))
		if err := p.WriteMessage(websocket.TextMessage, []byte(request)); err != nil {
			t.Fatal(err)
		}
	}
	quit(p)
}
