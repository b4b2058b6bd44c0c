package web

import (
	"net/netip"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/rate"
)

// limits are what users, and for guests their addresses, may still take of the
// server. They outlive connections: to connect anew gives nothing back.
type limits struct {
	connects rate.Allowances
	requests rate.Allowances
	replays  rate.Allowances // in bytes

	perUser    rate.Limit // of connecting
	perAddress rate.Limit
}

const (
	connectBurst = 4                // times all connections of a user at once, as after restarts …
	connectEvery = 12 * time.Second // and once more each …
	mostConnects = 100_000          // is as good as no limit

	leastConnects     = 20                     // at once, whatever the number of connections …
	leastConnectEvery = 500 * time.Millisecond // and one more each …
)

// ofReplays is 64 MiB at once, and 1 MiB each second.
var ofReplays = rate.Limit{Burst: 64 << 20, Every: time.Second / (1 << 20)} //nolint:gochecknoglobals // a constant

func newLimits(c *Config) limits {
	return limits{perUser: connectRate(c.MaxSessionsPerUser), perAddress: connectRate(c.MaxGuestsPerAddress)}
}

// connectRate is how often connections may be opened of which there may be so many.
func connectRate(connections int) rate.Limit {
	n := min(connections, mostConnects)
	return rate.Limit{Burst: max(leastConnects, connectBurst*n), Every: min(leastConnectEvery, connectEvery/time.Duration(n))}
}

// payerOf returns to whom a request is charged: the user, or for a guest the
// address, which cannot be a user's id.
func payerOf(c Context, user string) string {
	if user != "" {
		return user
	}
	return guestPrefix + addressOf(c.RealIP())
}

const guestPrefix = "\x00"

func isGuest(payer string) bool { return strings.HasPrefix(payer, guestPrefix) }

// addressOf returns an address as it is counted: of IPv6 the network, all of
// which is one subscriber's.
func addressOf(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return rate.Clip(ip)
	}
	address = address.Unmap()
	if address.Is6() {
		network, _ := address.WithZone("").Prefix(64)
		return network.String()
	}
	return address.String()
}

func (l *limits) connect(payer string, now time.Time) bool {
	if isGuest(payer) {
		return l.connects.Take(payer, l.perAddress, 1, now)
	}
	return l.connects.Take(payer, l.perUser, 1, now)
}

// request tells whether the payer, who has so many connections, may send one more
// request now.
func (l *limits) request(payer string, connections int, now time.Time) bool {
	return l.requests.Take(payer, conn.RequestRate.Times(max(1, connections)), 1, now)
}

// mayReplay tells whether there is anything left for a replay to the payer.
func (l *limits) mayReplay(payer string, now time.Time) bool {
	return l.replays.Has(payer, ofReplays, now)
}

// replayed charges a part of a replay, and tells whether anything is left.
func (l *limits) replayed(payer string, bytes int, now time.Time) bool {
	l.replays.Take(payer, ofReplays, bytes, now)
	return l.replays.Has(payer, ofReplays, now)
}
