// Package session holds what the application knows of the login of a request, in the
// form in which the plugin keeps it.
package session

import (
	"crypto/sha256"
	"time"
)

// A Session is the login of a request, as Config.Session returns it.
type Session struct {
	// User is the id of the user, under the rules of Config.User; "" is a guest.
	User string

	// ID is what [Plugin.DisconnectSession] ends: the id of the application's own
	// session, such as that of a cookie, of a row or of a token. It may be a secret:
	// the plugin keeps only its hash. It has any length. Default "": the session
	// cannot be ended alone.
	ID string

	// Until is when the login ends, unless the page renews it before. It is compared
	// with the clock of this node when Config.Session returns; later changes of that
	// clock do not matter. A request of a session whose Until has passed gets 401.
	// Default, the zero time: the login has no end.
	Until time.Time
}

// An ID stands for the id of a session. It is a hash, so that whoever reads the log or
// the memory of the plugin cannot use it as a cookie. The zero ID is that of sessions
// that have none.
type ID [16]byte

// IDOf returns the ID for the application's id of a session. It is the same on every
// node.
func IDOf(id string) ID {
	if id == "" {
		return ID{}
	}
	sum := sha256.Sum256([]byte("pull: id of a session\x00" + id))
	return ID(sum[:])
}

// String returns the ID in bytes, as it is in the log.
func (id ID) String() string { return string(id[:]) }

// ParseID is the inverse of String. It reports whether s is the ID of a session.
func ParseID(s string) (id ID, ok bool) {
	ok = len(s) == len(id)
	copy(id[:], s)
	return id, ok && id != ID{}
}

// A Login is who has sent a request.
type Login struct {
	User  string // "" for a guest
	Lease *Lease // nil if the login has neither an end nor an ID
}

// ID returns the ID of the login's session, zero if it has none.
func (l Login) ID() ID { return l.Lease.SessionID() }

// A Lease is what a login has beside its user. It does not change.
type Lease struct {
	ID    ID
	Until time.Time // as the application has set it; zero if the login has no end

	ends time.Time // Until on the monotonic clock
}

// LeaseOf returns the lease of a session that the application has returned at a time,
// or nil if there is nothing to keep.
func LeaseOf(s *Session, now time.Time) *Lease {
	if s.ID == "" && s.Until.IsZero() {
		return nil
	}
	return NewLease(IDOf(s.ID), s.Until, now)
}

// NewLease returns a lease until a time, which is zero if it has no end. What is left of
// it is counted from now, which has a reading of the monotonic clock.
func NewLease(id ID, until, now time.Time) *Lease {
	l := &Lease{ID: id, Until: until}
	if !until.IsZero() {
		l.ends = now.Add(min(until.Sub(now), longest))
	}
	return l
}

// longest is how long a lease may be at most. A longer one could not be added to the
// monotonic clock.
const longest = 100 * 365 * 24 * time.Hour

// SessionID returns the ID of the lease, and zero for nil.
func (l *Lease) SessionID() ID {
	if l == nil {
		return ID{}
	}
	return l.ID
}

// Left returns how long the lease still lasts. It is zero or less once it is over, and
// ok is false if it has no end.
func (l *Lease) Left(now time.Time) (left time.Duration, ok bool) {
	if l == nil || l.Until.IsZero() {
		return 0, false
	}
	return l.ends.Sub(now), true
}

// IsOver reports whether the lease is over.
func (l *Lease) IsOver(now time.Time) bool {
	left, ends := l.Left(now)
	return ends && left <= 0
}
