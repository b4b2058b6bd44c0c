// Package ticket seals and opens the tickets with which pages connect that cannot send
// their login with a handshake. A page gets a ticket for its login in a request of its
// own, and only the ticket is in the address of the handshake.
package ticket

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/session"
)

const (
	// TTL is how long a ticket is valid.
	TTL = 30 * time.Second

	// MaxBytes is the largest size of a ticket as text.
	MaxBytes = 1 << 10

	// skew is how far the clock of another node may be ahead. With one that is, a ticket
	// lives longer by so much, but no longer than a minute.
	skew = 30 * time.Second

	version = 1
)

// An ID tells tickets apart. It is random, so that there are no two with the same.
type ID [12]byte

// An Origin stands for the origin of a page. It is a hash. The zero Origin is that of a
// client that has none.
type Origin [16]byte

// OriginOf returns the Origin for an origin as browsers write it, or for "".
func OriginOf(origin string) Origin {
	if origin == "" {
		return Origin{}
	}
	sum := sha256.Sum256([]byte(origin))
	return Origin(sum[:])
}

// A Ticket is a login that a page may connect with once.
type Ticket struct {
	// ID is what a node remembers of a ticket that was used. Seal draws it.
	ID ID

	// User, Session and Until are those of the login. Until is the zero time if the
	// login has no end. Both are to the millisecond.
	User    string
	Session session.ID
	Until   time.Time

	// Origin is that of the page.
	Origin Origin

	// From is where the log of the node ended that has issued the ticket: whatever
	// happened to the ticket, or ended its login, is after it.
	From envelope.Cursor
}

// Of returns a ticket for a login.
func Of(login session.Login, origin Origin, from envelope.Cursor) Ticket {
	t := Ticket{User: login.User, Session: login.ID(), Origin: origin, From: from}
	if login.Lease != nil {
		t.Until = login.Lease.Until
	}
	return t
}

// Login returns the login of a ticket that was opened at a time.
func (t *Ticket) Login(now time.Time) session.Login {
	if t.Session == (session.ID{}) && t.Until.IsZero() {
		return session.Login{User: t.User}
	}
	return session.Login{User: t.User, Lease: session.NewLease(t.Session, t.Until, now)}
}

// The reasons for refusing a ticket.
var (
	ErrForged  = errors.New("not a ticket of this application")
	ErrExpired = errors.New("the ticket has expired")
)

// A Sealer seals and opens tickets. It is safe for concurrent use.
type Sealer struct{ aead cipher.AEAD }

// NewSealer returns a sealer. Its key is derived from the secret for tickets alone.
func NewSealer(secret []byte) *Sealer {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("pull: tickets of handshakes, version 1"))
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		panic(err) // never: the key has 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // never: the block is that of AES
	}
	return &Sealer{aead}
}

// Seal returns a ticket as text, which is valid for TTL from now.
func (s *Sealer) Seal(t *Ticket, now time.Time) string {
	c := t.content()
	c.expires = now.Add(TTL).UnixMilli()
	return encoding.EncodeToString(s.aead.Seal([]byte{version}, nil, c.bytes(), []byte{version}))
}

// Open returns the ticket in a text that was presented. The error is [ErrForged] or
// [ErrExpired].
func (s *Sealer) Open(text string, now time.Time) (Ticket, error) {
	if len(text) > MaxBytes || strings.ContainsAny(text, "\r\n") { // which encoding would skip
		return Ticket{}, ErrForged
	}
	b, err := encoding.DecodeString(text)
	if err != nil || len(b) < 1+s.aead.Overhead() || b[0] != version {
		return Ticket{}, ErrForged
	}
	plain, err := s.aead.Open(nil, nil, b[1:], b[:1])
	if err != nil {
		return Ticket{}, ErrForged
	}
	c, ok := parse(plain)
	if !ok {
		return Ticket{}, ErrForged
	}
	left := time.UnixMilli(c.expires).Sub(now)
	if left <= 0 || left > TTL+skew { // the clock that it was issued with was wrong
		return Ticket{}, ErrExpired
	}
	t := c.ticket()
	t.ID = ID(b[1:]) // the nonce
	return t, nil
}

// encoding refuses texts that are another spelling of the same bytes.
var encoding = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // a constant
