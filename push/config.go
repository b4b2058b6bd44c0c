package push

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// WebConfig configures [Web]. Subject, Keys and Store are required.
type WebConfig struct {
	// Subject is where the operators of push services can reach that of the
	// application: "mailto:ops@example.com", or an https URL (RFC 8292, section
	// 2.1).
	Subject string

	// Keys are the key pair of the application, see [NewKeys].
	Keys Keys

	// Store keeps the subscriptions, see [NewMemoryStore] and [NewSQLStore].
	Store Store

	// Hosts are the push services that may be used, in lower case: "host" or
	// "host:port", or "*.host" for all hosts below one. Default: the services of
	// the browsers, which are fcm.googleapis.com,
	// updates.push.services.mozilla.com, *.push.apple.com and
	// *.notify.windows.com.
	Hosts []string

	// Client sends the requests, in tests or through a proxy. It replaces a
	// client that connects to public addresses only. Its CheckRedirect and Jar
	// are not used.
	Client *http.Client

	// Parallel is how many requests are sent to one host at the same time.
	// Default 64.
	Parallel int

	// Waiting is how many further requests to one host may wait for their turn.
	// With more, Push returns a RetryError. Default 1,024.
	Waiting int

	// Timeout is how long a request may take, and how long it may wait for its
	// turn. Default 30 seconds.
	Timeout time.Duration

	// Logger gets what Push cannot return: failures of the Store after a
	// notification has been sent, and of one device while others are tried
	// again. Default slog.Default().
	Logger *slog.Logger
}

const (
	defaultParallel = 64
	defaultWaiting  = 1024
	defaultTimeout  = 30 * time.Second
)

func (c WebConfig) withDefaults() (WebConfig, error) {
	switch {
	case isMissing(c.Store):
		return c, errors.New("push: WebConfig.Store is missing")
	case c.Parallel < 0, c.Waiting < 0, c.Timeout < 0:
		return c, fmt.Errorf("push: negative WebConfig.Parallel %d, Waiting %d or Timeout %s", c.Parallel, c.Waiting, c.Timeout)
	}
	if c.Parallel == 0 {
		c.Parallel = defaultParallel
	}
	if c.Waiting == 0 {
		c.Waiting = defaultWaiting
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Client = c.client()
	return c, checkSubject(c.Subject)
}

// isMissing reports whether there is no store, or one without a database.
func isMissing(s Store) bool {
	inDatabase, ok := s.(*SQLStore)
	return s == nil || ok && (inDatabase == nil || inDatabase.db == nil)
}

// client returns a client that follows no redirects, which could lead anywhere.
func (c WebConfig) client() *http.Client {
	client := c.Client
	if client == nil {
		client = guardedClient(c.Parallel, c.Timeout)
	}
	own := *client
	own.Jar = nil
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}
