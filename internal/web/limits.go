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
	tickets  rate.Allowances
	requests rate.Allowances
	replays  rate.Allowances // in bytes
	reads    rate.Allowances // reports of what was read
	messages rate.Allowances // that pages send
	excesses rate.Allowances // messages beyond that

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

// messageRate bounds the messages that the pages of a user send. One beyond it is
// answered, and not sent. excessRate bounds what is answered: a page that does not
// stop is closed.
var (
	messageRate = rate.Limit{Burst: 20, Every: 100 * time.Millisecond} //nolint:gochecknoglobals // a constant
	excessRate  = rate.Limit{Burst: 100, Every: 20 * time.Millisecond} //nolint:gochecknoglobals // a constant
)

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
	return l.connects.Take(payer, l.connectsOf(payer), 1, now)
}

// allowTicket counts a ticket and reports whether it is allowed: there may be as many as
// attempts to connect.
func (l *limits) allowTicket(payer string, now time.Time) bool {
	return l.tickets.Take(payer, l.connectsOf(payer), 1, now)
}

// connectsOf returns the limit of attempts to connect of a payer.
func (l *limits) connectsOf(payer string) rate.Limit {
	if isGuest(payer) {
		return l.perAddress
	}
	return l.perUser
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

// allowMessage counts a message of a payer and reports whether it is allowed, or at
// least tolerated.
func (l *limits) allowMessage(payer string, now time.Time) (allowed, tolerated bool) {
	if l.messages.Take(payer, messageRate, 1, now) {
		return true, true
	}
	return false, l.excesses.Take(payer, excessRate, 1, now)
}
