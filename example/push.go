package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/push"
)

// notification is what the browsers of a user show who looks at no page. A later
// message of the same sender replaces it, and a click opens a page on which the
// user can reply. The example keeps no messages, so that page does not show it.
func notification(from, words string) *pull.Push {
	return &pull.Push{Title: from, Body: words, URL: "/?to=" + url.QueryEscape(from), Tag: from}
}

// A notifier sends notifications to browsers.
type notifier struct {
	pusher  *push.WebPusher // for pull.Config
	devices devices
	close   func() error
}

// devices are the browsers that have subscribed.
type devices interface {
	push.Store
	push.Lister
}

// openNotifier keeps what notifications need in the database of the engine, or
// else in a SQLite file. Several nodes must share that: on Redis and NATS they
// must be on one machine, and an application that needs more implements
// push.Store. Without a database and a file, a restart ends all subscriptions, and
// another node does not know them. A browser subscribes again on the next page
// whose node has other keys, or else after a day. service is empty, except in
// tests.
func openNotifier(db *sql.DB, file, service string) (notifier, error) {
	n := notifier{devices: push.NewMemoryStore(), close: func() error { return nil }}
	if db == nil && file != "" {
		opened, err := openSQLiteDB(file)
		if err != nil {
			return notifier{}, err
		}
		db, n.close = opened, opened.Close
	}
	if db != nil {
		n.devices = push.NewSQLStore(db)
	}
	pusher, err := newPusher(db, n.devices, service)
	if err != nil {
		return notifier{}, errors.Join(err, n.close())
	}
	n.pusher = pusher
	return n, nil
}

// newPusher returns the Pusher. Its keys and subject are those of the environment;
// without keys there, the application makes its own.
func newPusher(db *sql.DB, store push.Store, service string) (*push.WebPusher, error) {
	config := push.WebConfig{
		Subject: cmp.Or(os.Getenv("VAPID_SUBJECT"), "mailto:you@example.com"),
		Keys:    push.Keys{Public: os.Getenv("VAPID_PUBLIC_KEY"), Private: os.Getenv("VAPID_PRIVATE_KEY")},
		Store:   store,
	}
	var err error
	switch {
	case config.Keys != push.Keys{}:
	case db == nil:
		config.Keys, err = push.NewKeys()
	default:
		config.Keys, err = keysIn(context.Background(), db)
	}
	if err == nil && service != "" {
		config.Hosts = []string{standsInFor}
		config.Client, err = standIn(service)
	}
	if err != nil {
		return nil, err
	}
	return push.Web(config)
}

// keysIn returns the keys in the database. The first node to start puts them there.
func keysIn(ctx context.Context, db *sql.DB) (push.Keys, error) {
	keys, err := push.NewKeys()
	if err != nil {
		return push.Keys{}, err
	}
	if err := createTable(ctx, db, `CREATE TABLE IF NOT EXISTS push_keys (
		id INTEGER PRIMARY KEY, public_key TEXT NOT NULL, private_key TEXT NOT NULL)`); err != nil {
		return push.Keys{}, err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO push_keys (id, public_key, private_key) VALUES (1, $1, $2) ON CONFLICT DO NOTHING`, keys.Public, keys.Private)
	if err == nil {
		err = db.QueryRowContext(ctx, `SELECT public_key, private_key FROM push_keys WHERE id = 1`).Scan(&keys.Public, &keys.Private)
	}
	return keys, err
}

// standsInFor is the push service of Firefox, whose place a test's server takes.
const standsInFor = "updates.push.services.mozilla.com"

// standIn returns a client for tests. It sends everything to a server of this
// machine, without TLS, so nothing leaves the machine.
func standIn(address string) (*http.Client, error) {
	server, err := netip.ParseAddrPort(address)
	if err != nil || !server.Addr().IsLoopback() {
		return nil, fmt.Errorf("--push-service is %q, want 127.0.0.1:PORT", address)
	}
	return &http.Client{Transport: rerouted(address)}, nil
}

// rerouted is the address that all requests go to.
type rerouted string

func (address rerouted) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", string(address)
	return http.DefaultTransport.RoundTrip(r)
}
