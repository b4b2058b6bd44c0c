package push

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/notification"
)

// A WebPusher sends notifications to browsers. It is a pull.Pusher that also
// manages subscriptions, for Config.Pusher. It is safe for concurrent use. It
// runs no goroutines except within its methods.
type WebPusher struct {
	store    Store
	hosts    hostList
	client   *http.Client
	timeout  time.Duration
	log      *slog.Logger
	private  *ecdsa.PrivateKey
	topicKey []byte
	tokens   tokens
	gates    gates
	progress *progress
	gone     atomic.Uint64 // number of devices that were removed, as Gone returns it
}

// Web returns a sender of Web Push. It makes no connection. The error names the
// field that is wrong.
func Web(c WebConfig) (*WebPusher, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	private, err := c.Keys.signer()
	if err != nil {
		return nil, err
	}
	hosts, err := newHostList(c.Hosts)
	if err != nil {
		return nil, err
	}
	topicKey, err := newTopicKey(private)
	if err != nil {
		return nil, err
	}
	w := &WebPusher{store: c.Store, hosts: hosts, client: c.Client, timeout: c.Timeout, log: c.Logger, private: private, topicKey: topicKey}
	w.tokens = tokens{subject: c.Subject, public: c.Keys.Public, private: private, kept: map[string]token{}}
	w.gates = gates{parallel: c.Parallel, waiting: c.Waiting, hosts: map[string]*gate{}}
	w.progress = newProgress()
	return w, nil
}

// Push sends a notification to all browsers of a user, to all at the same time,
// and returns when each has got it or has failed. It deletes the subscriptions
// that their push services no longer know.
//
// It returns a pull.RetryError if one or more browsers should be tried again;
// called again with the same notification, it leaves out the others. A
// [ServiceError] is a push service's refusal. A notification that has expired is
// not sent.
func (w *WebPusher) Push(ctx context.Context, user string, n *notification.Notification) error {
	key := n.ID + "\x00" + user
	payload := n.Payload()
	if len(payload) > notification.MaxPayload {
		return fmt.Errorf("push: a notification of %d bytes, the limit is %d", len(payload), notification.MaxPayload)
	}
	if secondsLeft(n) <= 0 {
		w.progress.forget(key)
		return nil
	}
	all, err := w.store.Of(ctx, user)
	if err != nil {
		err = &notification.RetryError{Err: fmt.Errorf("push: subscriptions of a user: %w", err)}
		_, attempts := w.progress.rest(key, nil)
		return w.sum(key, n, attempts, []result{{err: err}})
	}
	devices, attempts := w.progress.rest(key, all)
	return w.sum(key, n, attempts, w.toAll(ctx, message{user: user, notification: n, payload: payload}, devices))
}

// toAll sends a message to devices at the same time.
func (w *WebPusher) toAll(ctx context.Context, m message, devices []Subscription) []result {
	results := make([]result, len(devices))
	if len(devices) == 1 {
		results[0] = w.to(ctx, m, &devices[0])
		return results
	}
	var running sync.WaitGroup
	for i := range devices {
		running.Go(func() { results[i] = w.to(ctx, m, &devices[i]) })
	}
	running.Wait()
	return results
}

// Gone returns how many devices were removed because their push service no longer knew
// them, since the pusher was made.
func (w *WebPusher) Gone() uint64 { return w.gone.Load() }

// A result is what became of a message to a device. err is nil if it is served, or
// gone.
type result struct {
	device device
	err    error
}

// sum returns what Push returns. With a retry, the errors that are final are
// not returned, so they are logged.
func (w *WebPusher) sum(key string, n *notification.Notification, attempts int, results []result) error {
	var retries, failures []error
	var done []device
	after := 2 * longestWait
	for _, r := range results {
		var retry *notification.RetryError
		if errors.As(r.err, &retry) {
			retries = append(retries, retry.Err)
			after = min(after, spread(retry.After, attempts))
			continue
		}
		done = append(done, r.device)
		if r.err != nil {
			failures = append(failures, r.err)
		}
	}
	if len(retries) == 0 {
		w.progress.forget(key)
		return errors.Join(failures...)
	}
	w.progress.keep(key, n.Expires, done)
	for _, err := range failures {
		w.log.Error("push: a device cannot be reached", "error", err)
	}
	return &notification.RetryError{After: after, Err: errors.Join(retries...)}
}

// Key returns the public key with which browsers subscribe.
func (w *WebPusher) Key() string { return w.tokens.public }

// Subscribe saves the subscription of a user's browser. It returns a
// pull.SubscriptionError if the JSON is invalid or the push service is not one of
// WebConfig.Hosts.
func (w *WebPusher) Subscribe(ctx context.Context, user string, subscription []byte) error {
	s, err := parseSubscription(subscription)
	if err != nil {
		return err
	}
	if _, err := w.hosts.target(s.Endpoint); err != nil {
		return refuse(err.Error())
	}
	if err := w.store.Save(ctx, user, s); err != nil {
		return fmt.Errorf("push: save a subscription: %w", err)
	}
	return nil
}

// Unsubscribe deletes the subscription if it is the user's, or does nothing. Of
// the JSON only the endpoint is needed.
func (w *WebPusher) Unsubscribe(ctx context.Context, user string, subscription []byte) error {
	s, err := readSubscription(subscription)
	if err != nil {
		return err
	}
	if err := w.store.Delete(ctx, user, s.Endpoint); err != nil {
		return fmt.Errorf("push: delete a subscription: %w", err)
	}
	return nil
}

// Users returns up to limit users with subscriptions whose ids are greater than
// after, in the order of their ids. It returns [errors.ErrUnsupported] if the
// Store is no [Lister].
func (w *WebPusher) Users(ctx context.Context, after string, limit int) ([]string, error) {
	lister, ok := w.store.(Lister)
	if !ok {
		return nil, fmt.Errorf("push: list the users of a %T: %w", w.store, errors.ErrUnsupported)
	}
	users, err := lister.Users(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("push: list users: %w", err)
	}
	return users, nil
}
