package web

import (
	"net/netip"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/rate"
)

// limits are what payers may still take of the server. A payer is a user, or the
// address of a guest. The limits outlive connections: a new connection restores
// nothing.
type limits struct {
	connects rate.Allowances
	requests rate.Allowances
	replays  rate.Allowances // in bytes
	reads    rate.Allowances // reports of what was read

	perUser    rate.Limit // of attempts to connect
	perAddress rate.Limit
}

const (
	connectBurst = 4                // all connections of a payer may connect this many times at once, as after restarts …
	connectEvery = 12 * time.Second // and once more per …
	maxConnects  = 100_000          // a larger number of connections counts as this

	minConnects     = 20                     // attempts at once, if the number of connections is small …
	minConnectEvery = 500 * time.Millisecond // and one more per …
)

// replayRate allows 64 MiB at once, and 1 MiB per second.
var replayRate = rate.Limit{Burst: 64 << 20, Every: time.Second / (1 << 20)} //nolint:gochecknoglobals // a constant

// readRate bounds the reports of what a user has read on all pages: each is a message
// in the log, and in the windows of all nodes.
var readRate = rate.Limit{Burst: 50, Every: 500 * time.Millisecond} //nolint:gochecknoglobals // a constant

func newLimits(c *Config) limits {
	return limits{perUser: connectRate(c.MaxSessionsPerUser), perAddress: connectRate(c.MaxGuestsPerAddress)}
}

// connectRate returns the limit of attempts to connect for a payer with at most
// so many connections.
func connectRate(connections int) rate.Limit {
	n := min(connections, maxConnects)
	return rate.Limit{Burst: max(minConnects, connectBurst*n), Every: min(minConnectEvery, connectEvery/time.Duration(n))}
}

// payerOf returns the payer of a request, to whom its costs are charged: the
// user, or for a guest the address, which cannot be equal to a user's id.
func payerOf(c Context, user string) string {
	if user != "" {
		return user
	}
	return guestPrefix + addressOf(c.RealIP())
}

const guestPrefix = "\x00"

// isGuest reports whether a payer is the address of a guest.
func isGuest(payer string) bool { return strings.HasPrefix(payer, guestPrefix) }

// addressOf returns the form in which an address is counted. For IPv6 that is
// its /64 network, which usually belongs to one subscriber.
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

// allowConnect counts an attempt to connect and reports whether it is allowed.
func (l *limits) allowConnect(payer string, now time.Time) bool {
	if isGuest(payer) {
		return l.connects.Take(payer, l.perAddress, 1, now)
	}
	return l.connects.Take(payer, l.perUser, 1, now)
}

// allowRequest counts a request of a payer with so many connections and reports
// whether it is allowed.
func (l *limits) allowRequest(payer string, connections int, now time.Time) bool {
	return l.requests.Take(payer, conn.RequestRate.Times(max(1, connections)), 1, now)
}

// allowRead counts a report of what a user has read and reports whether it is
// allowed.
func (l *limits) allowRead(user string, now time.Time) bool {
	return l.reads.Take(user, readRate, 1, now)
}

// allowsReplay reports whether the payer may still receive a replay.
func (l *limits) allowsReplay(payer string, now time.Time) bool {
	return l.replays.Has(payer, replayRate, now)
}

// chargeReplay charges a part of a replay and reports whether the payer may
// receive more.
func (l *limits) chargeReplay(payer string, bytes int, now time.Time) bool {
	l.replays.Take(payer, replayRate, bytes, now)
	return l.replays.Has(payer, replayRate, now)
}
