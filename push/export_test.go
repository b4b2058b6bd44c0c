package push

import "testing"

// A Browser has the private half of a subscription.
type Browser struct{ *browser }

func NewBrowser(t testing.TB) Browser { t.Helper(); return Browser{newBrowser(t)} }

func (b Browser) Subscription(endpoint string) Subscription { return b.subscription(endpoint) }

func (b Browser) Open(t testing.TB, body []byte) []byte { t.Helper(); return b.open(t, body) }

// Verify checks an Authorization header as a push service does.
func (w *WebPusher) Verify(header string) (origin, subject string, err error) {
	c, err := w.tokens.verify(header)
	return c.Aud, c.Sub, err
}

// Unfinished returns how many notifications are remembered, and how many gates.
func (w *WebPusher) Unfinished() (notifications, gates int) {
	return len(w.progress.entries), len(w.gates.hosts)
}
