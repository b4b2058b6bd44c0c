package push

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/echo-pull/pull/internal/notification"
)

// A message is a notification to the devices of a user.
type message struct {
	user         string
	notification *notification.Notification
	payload      []byte
}

// to sends a message to one device, when it is its turn.
func (w *WebPusher) to(ctx context.Context, m message, s *Subscription) result {
	return result{device: deviceOf(s.Endpoint), err: w.try(ctx, m, s)}
}

func (w *WebPusher) try(ctx context.Context, m message, s *Subscription) error {
	t, err := w.hosts.target(s.Endpoint)
	if err != nil {
		return fmt.Errorf("push: a stored subscription: %w", err)
	}
	keys, err := s.recipient()
	if err != nil {
		return fmt.Errorf("push: a stored subscription at %s: %w", t.host, err)
	}
	if err := w.enter(ctx, t.host); err != nil {
		return err
	}
	defer w.gates.leave(t.host)

	ttl := secondsLeft(m.notification)
	if ttl <= 0 {
		return nil
	}
	body, err := encrypt(m.payload, keys)
	if err != nil {
		return fmt.Errorf("push: encrypt for %s: %w", t.host, err)
	}
	header, err := w.header(m.notification, t, s, ttl)
	if err != nil {
		return err
	}
	status, err := w.post(ctx, t, s.Endpoint, header, body)
	w.note(ctx, m.user, t, s, status)
	return err
}

// enter waits for a turn at a host, for WebConfig.Timeout at most.
func (w *WebPusher) enter(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	return w.gates.enter(ctx, host)
}

// secondsLeft returns the seconds until a notification expires, rounded up.
func secondsLeft(n *notification.Notification) int64 {
	return int64((time.Until(n.Expires) + time.Second - 1) / time.Second)
}

// header returns the header of a request (RFC 8030, section 5, and RFC 8292).
func (w *WebPusher) header(n *notification.Notification, t target, s *Subscription, ttl int64) (http.Header, error) {
	authorization, err := w.tokens.header(t.origin)
	if err != nil {
		return nil, err
	}
	h := http.Header{
		"Authorization":    {authorization},
		"Content-Encoding": {"aes128gcm"},
		"Content-Type":     {"application/octet-stream"},
		"Ttl":              {strconv.FormatInt(ttl, 10)},
		"User-Agent":       {"pull"},
	}
	if n.Urgency != "" {
		h.Set("Urgency", string(n.Urgency))
	}
	if topic := w.topic(n, s.Endpoint); topic != "" {
		h.Set("Topic", topic)
	}
	return h, nil
}

// topicBytes make 32 characters of base64url.
const topicBytes = 24

func newTopicKey(private *ecdsa.PrivateKey) ([]byte, error) {
	scalar, err := private.Bytes()
	if err != nil {
		return nil, fmt.Errorf("push: Keys.Private: %w", err)
	}
	return hkdf.Key(sha256.New, scalar, nil, "pull: topics of Web Push", sha256.Size)
}

// topic returns the Topic of a notification, by which the push service replaces
// an earlier one. A service cannot see from it what the tag is, nor which devices
// get notifications with the same one. A notification whose tag is its own
// replaces none, and FCM keeps messages of no more than four topics for a device
// that is off, so it gets none.
func (w *WebPusher) topic(n *notification.Notification, endpoint string) string {
	if n.Topic != "" {
		return n.Topic
	}
	if n.Tag == "" || n.Tag == notification.New(notification.Push{}, n.ID, n.Sent).Tag {
		return ""
	}
	mac := hmac.New(sha256.New, w.topicKey)
	_, _ = mac.Write([]byte(n.Tag + "\x00" + endpoint))
	return encode(mac.Sum(nil)[:topicBytes])
}

// post sends a request and returns the status of the response, or 0.
func (w *WebPusher) post(ctx context.Context, t target, endpoint string, header http.Header, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("push: a request to %s: %w", t.host, withoutURL(err))
	}
	request.Header = header
	began := time.Now()
	response, err := w.client.Do(request)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			w.gates.hang(t.host, began)
		}
		err = fmt.Errorf("push: %s: %w", t.host, withoutURL(err))
		if errors.As(err, new(*addressError)) {
			return 0, err
		}
		return 0, &notification.RetryError{Err: err}
	}
	w.gates.respond(t.host)
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode, w.judge(t, response)
}

// withoutURL removes what http.Client adds: the endpoint is a secret.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// note records in the store what a response means for its subscription.
func (w *WebPusher) note(ctx context.Context, user string, t target, s *Subscription, status int) {
	var err error
	switch {
	case isGone(status):
		w.gone.Add(1)
		err = w.store.Delete(ctx, user, s.Endpoint)
	case isDelivered(status):
		err = w.store.Seen(ctx, s.Endpoint, time.Now())
	}
	if err != nil {
		w.log.Warn("push: the store of subscriptions has failed", "service", t.host, "status", status, "error", err)
	}
}
