package notification_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/notification"
)

// FuzzDecode decodes arbitrary notifications, as anyone may have written them into
// the log. What Decode accepts can be sent.
func FuzzDecode(f *testing.F) {
	full := notification.Push{
		Title: "T", Body: "B", URL: "/im/7", Icon: "/i.png", Image: "https://a.test/i", Badge: -1, Tag: "im-7", Topic: "im_7",
		Urgency: notification.UrgencyLow, TTL: time.Hour, Immediately: true, Important: true, Silent: true,
	}
	f.Add(notification.Encode(&full))
	for _, s := range []string{`{}`, `null`, `[]`, `{"title":1}`, `{"title":"\ud800","ttl":-1}`, `{"title":"T","badge":1e9,"url":"//x"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := notification.Decode(b)
		if err != nil {
			return
		}
		sent := time.Unix(1_700_000_000, 0)
		n := notification.New(p, "log.7", sent)
		if n.TTL <= 0 || n.TTL%time.Second != 0 || !n.Expires.Equal(sent.Add(n.TTL)) || n.Tag == "" || n.URL == "" || n.Urgency == "" {
			t.Errorf("got %+v, want all defaults", n)
		}
		if payload := n.Payload(); !json.Valid(payload) || len(payload) > notification.Size(&p) {
			t.Errorf("got %s of %d bytes, want JSON of at most %d", payload, len(payload), notification.Size(&p))
		}
		again, err := notification.Decode(notification.Encode(&p))
		if err != nil || again != p {
			t.Errorf("got %+v and %v, want %+v", again, err, p)
		}
	})
}

func TestPayloadIsADeclarativePushMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		push notification.Push
		want string
	}{
		"everything": {
			notification.Push{
				Title: "A <b>", Body: "ü&\n", URL: "/im/7", Icon: "/i.png", Image: "/l.png", Badge: 3,
				Tag: "im-7", Topic: "x", Important: true, Silent: true,
			},
			`{"web_push":8030,"notification":{"title":"A <b>","navigate":"/im/7","body":"ü&\n","icon":"/i.png","image":"/l.png",` +
				`"tag":"im-7","silent":true,"requireInteraction":true},"app_badge":3}`,
		},
		"no badge": {notification.Push{Title: "T", Tag: "t", Badge: -1}, `{"web_push":8030,"notification":{"title":"T","navigate":"/","tag":"t"},"app_badge":0}`},
	} {
		n := notification.New(c.push, "log.7", time.Now())
		if got := string(n.Payload()); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// A notification without a tag gets one that is the same when it is sent again.
func TestNotificationsWithoutATagDiffer(t *testing.T) {
	t.Parallel()
	p := notification.Push{Title: "T"}
	a, again, b := notification.New(p, "log.7", time.Now()), notification.New(p, "log.7", time.Now()), notification.New(p, "log.8", time.Now())

	if a.Tag != again.Tag || a.Tag == b.Tag || !strings.HasPrefix(a.Tag, "pull-") {
		t.Errorf("got the tags %s, %s and %s, want the same and another", a.Tag, again.Tag, b.Tag)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	normal := notification.New(notification.Push{Title: "T"}, "x.1", time.Now())
	important := notification.New(notification.Push{Title: "T", Important: true, TTL: time.Millisecond}, "x.1", time.Now())
	low := notification.New(notification.Push{Title: "T", Important: true, Urgency: notification.UrgencyLow}, "x.1", time.Now())

	if normal.Urgency != notification.UrgencyNormal || normal.TTL != 12*time.Hour || normal.URL != "/" {
		t.Errorf("got %+v, want normal, 12 hours and /", normal)
	}
	if important.Urgency != notification.UrgencyHigh || important.TTL != time.Second || low.Urgency != notification.UrgencyLow {
		t.Errorf("got %s for %s and %s, want high for 1s and low", important.Urgency, important.TTL, low.Urgency)
	}
}
