package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/e2e/internal/autopushtest"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/push"
)

// A pushed is a user of package push, whose browser has subscribed.
type pushed struct {
	*subscriber
	pusher *push.WebPusher
	store  *push.MemoryStore
}

func newPushed(t *testing.T) *pushed {
	t.Helper()
	f := sharedFirefox(t)
	keys, err := push.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	store := push.NewMemoryStore()
	pusher, err := push.Web(push.WebConfig{
		Subject: "mailto:ops@example.org", Keys: keys, Store: store, Client: f.service.Client(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &pushed{subscribe(t, f, keys.Public), pusher, store}
	text, err := json.Marshal(p.subscription)
	if err != nil {
		t.Fatal(err)
	}
	if err := pusher.Subscribe(t.Context(), user, text); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pushed) send(ctx context.Context, n notification.Push) error {
	sent := notification.New(n, "1", time.Now())
	return p.pusher.Push(ctx, user, &sent)
}

func TestFirefoxOpensMessagesOfPackagePush(t *testing.T) {
	t.Parallel()
	p := newPushed(t)

	err := p.send(t.Context(), notification.Push{Title: "Ann", Body: "Grüße 🐙", Tag: "im-7", Urgency: notification.UrgencyHigh})
	if err != nil {
		t.Fatal(err)
	}

	p.site.hears(t, "push", "Ann")
	p.shows(note{"Ann", "Grüße 🐙", "im-7"})
	eventually(t, "the browser acknowledges the message", func() bool {
		return slices.Equal(p.service.Acks(p.subscription.Endpoint), []int{100})
	})
	header := p.service.Posts(p.subscription.Endpoint)[0].Header
	if header.Get("Urgency") != "high" || header.Get("TTL") != "43200" || header.Get("Topic") == "" {
		t.Errorf("the header is %v, want an urgency of high, a TTL of twelve hours and a topic", header)
	}
}

func TestFirefoxOpensTheLargestMessage(t *testing.T) {
	t.Parallel()
	p := newPushed(t)
	n := notification.Push{Title: "large", Tag: "a"}
	n.Body = strings.Repeat("x", notification.MaxPayload-notification.Size(&n)-len(`"body":"",`))

	if err := p.send(t.Context(), n); err != nil {
		t.Fatal(err)
	}

	p.site.hears(t, "push", "large")
	if size := p.service.Posts(p.subscription.Endpoint)[0].Size; size != 4096 {
		t.Errorf("the body has %d bytes, want 4,096", size)
	}
	p.shows(note{"large", n.Body, "a"})
}

func TestPushServiceThatIsBusyIsAskedAgain(t *testing.T) {
	t.Parallel()
	p := newPushed(t)
	p.service.Script(p.subscription.Endpoint, autopushtest.Outcome{Status: http.StatusTooManyRequests, RetryAfter: time.Minute})

	err := p.send(t.Context(), notification.Push{Title: "later"})

	var retry *notification.RetryError
	if !errors.As(err, &retry) || retry.After < time.Minute {
		t.Errorf("Push returned %v, want a RetryError after at least a minute", err)
	}
}

func TestSubscriptionOfAnUnsubscribedBrowserIsDeleted(t *testing.T) {
	t.Parallel()
	p := newPushed(t)
	p.unsubscribe()

	if err := p.send(t.Context(), notification.Push{Title: "gone"}); err != nil {
		t.Fatal(err)
	}

	left, err := p.store.Of(t.Context(), user)
	if err != nil || len(left) != 0 {
		t.Errorf("the user has the subscriptions %v (%v), want none", left, err)
	}
}
