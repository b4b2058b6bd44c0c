package hub

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// A page that is told to come back goes on from where it is: it has to know what that is.
func TestCloseBeforeTheWelcomeComesAfterIt(t *testing.T) {
	for name, end := range map[string]func(*Page){"restart": func(p *Page) { p.Close() }, "too slow": (*Page).CloseSlow} {
		t.Run(name, func(t *testing.T) {
			h, d := newHub(func(*Config) {})
			w, wire := new(writer), new(recorder)
			d.Dispatch([]broker.Delivery{w.message(event.User("1"), "one"), w.message(event.User("1"), "missed")})
			p := newPage(h, "1", wire)

			err := h.JoinWatching(p, &envelope.Cursor{Epoch: "log", Offset: 1}, 0, nil, func() []byte {
				d.Dispatch([]broker.Delivery{w.message(event.User("1"), "live")})
				end(p)
				return []byte("{}")
			})
			p.Flush()

			if all := strings.Join(wire.frames, ""); err != nil || !regexp.MustCompile(`(?s)hello.*missed.*live.*`+name).MatchString(all) {
				t.Errorf("got %q, %v, want hello, what was missed, the live event, and the close message", all, err)
			}
		})
	}
}

// The page is closed after the last part of its replay was read, and before that is written.
func TestCloseDuringAReplayComesAfterWhatWasRead(t *testing.T) {
	for name, end := range map[string]func(*Page){"restart": func(p *Page) { p.Close() }, "too slow": (*Page).CloseSlow} {
		t.Run(name, func(t *testing.T) {
			h, d := newHub(func(*Config) {})
			w, wire := new(writer), new(recorder)
			batch := []broker.Delivery{w.message(event.User("2"), "first")}
			for i := range 200 {
				batch = append(batch, w.message(event.User("1"), fmt.Sprintf("number %d.%s", i, strings.Repeat("x", 4<<10))))
			}
			d.Dispatch(batch)
			o := newOwner(h, "1", wire)
			if err := h.Join(&o.page, &envelope.Cursor{Epoch: "log", Offset: 1}, 0); err != nil || !o.page.behind {
				t.Fatalf("got %v, behind %t, want a page that has more to read", err, o.page.behind)
			}
			o.afterRead = func() {
				if !o.page.behind {
					o.afterRead = nil
					d.Dispatch([]broker.Delivery{w.message(event.User("1"), "live")})
					end(&o.page)
				}
			}

			o.page.Flush()

			last, live := wire.find(&o.page, "number 199."), wire.find(&o.page, `"live"`)
			if last < 0 || live <= last || wire.find(&o.page, name) < live {
				t.Errorf("the last of the replay is at %d, the live event at %d, and the end at %d", last, live, wire.find(&o.page, name))
			}
		})
	}
}
