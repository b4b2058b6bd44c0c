// Package grant seals and opens the permissions of pages to watch tags. The
// application renders a grant into a page, and the page presents it when it
// connects.
package grant

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/session"
)

const (
	// MaxTags is the largest number of tags in a grant.
	MaxTags = 100

	// MaxBytes is the largest size of a grant as text.
	MaxBytes = 2 << 10

	// MinSecret is the smallest size of a secret.
	MinSecret = 32

	version    = 1
	macBytes   = 16 // of HMAC-SHA256: RFC 2104 permits half of it
	ownerBytes = 12 // of a hash of the owner

	// renewal is how much longer the renewed grant may be: it has an ID, and perhaps
	// the position of another log.
	renewal = 128

	// skew is how far the clock of another node may be ahead.
	skew = 5 * time.Minute
)

// A Grant permits a page to watch tags.
type Grant struct {
	// ID is what a grant has in common with those that renew it.
	ID uint64

	// From is the position of the log from which the grant counts: the state that
	// the page shows is not older.
	From envelope.Cursor

	// Renewed says that the grant was renewed for a connection that watched the tags.
	Renewed bool

	Tags []string
}

// An Owner is whose pages may use a grant.
type Owner struct {
	User    string     // "" for guests
	Session session.ID // zero if the login has none
}

// The reasons for refusing a grant.
var (
	ErrForged  = errors.New("not a grant of this application")
	ErrForeign = errors.New("a grant for another user or session")
	ErrExpired = errors.New("an expired grant")

	errNoTags = errors.New("pull: a grant needs a tag")
)

// A Sealer seals and opens grants. It is safe for concurrent use.
type Sealer struct {
	key []byte
	ttl time.Duration
}

// NewSealer returns a sealer for grants that are valid for a time. The key is
// derived from the secret for grants alone.
func NewSealer(secret []byte, ttl time.Duration) *Sealer {
	return &Sealer{sum(secret, []byte("pull: grants of pages, version 1")), ttl}
}

func sum(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// Check returns an error for tags that a grant cannot have.
func Check(tags []string) error {
	switch {
	case len(tags) == 0:
		return errNoTags
	case len(tags) > MaxTags:
		return fmt.Errorf("pull: a grant of %d tags, the limit is %d", len(tags), MaxTags)
	}
	return envelope.CheckIDs("tag", tags)
}

// Seal returns a grant as text for the pages of an owner. It is the
// same for the same arguments within a second. Seal returns an error if the text
// would be too long.
func (s *Sealer) Seal(o Owner, g Grant, now time.Time) (string, error) {
	owner := s.hashOf(o)
	b := []byte{version, flagsOf(&g, owner)}
	if g.ID != 0 {
		b = binary.BigEndian.AppendUint64(b, g.ID)
	}
	b = binary.AppendVarint(b, now.Add(s.ttl).Unix())
	b = append(b, owner...)
	b = appendString(b, g.From.Epoch)
	b = binary.AppendUvarint(b, g.From.Offset)
	b = binary.AppendUvarint(b, uint64(len(g.Tags)))
	for _, tag := range g.Tags {
		b = appendString(b, tag)
	}
	b = append(b, sum(s.key, b)[:macBytes]...)
	most := MaxBytes
	if !g.Renewed {
		most -= renewal
	}
	if size := encoding.EncodedLen(len(b)); size > most {
		return "", fmt.Errorf("pull: a grant of %d bytes, the limit is %d: use fewer or shorter tags", size, most)
	}
	return encoding.EncodeToString(b), nil
}

// Open returns the grant in a text that a page of the owner has presented. The error is
// [ErrForged], [ErrForeign] or [ErrExpired]; with the last two, the grant is returned as
// well. Of an expired grant it does not matter whose it is.
func (s *Sealer) Open(text string, o Owner, now time.Time) (Grant, error) {
	if len(text) > MaxBytes {
		return Grant{}, ErrForged
	}
	b, err := encoding.DecodeString(text)
	if err != nil || len(b) < macBytes {
		return Grant{}, ErrForged
	}
	content, mac := b[:len(b)-macBytes], b[len(b)-macBytes:]
	if !hmac.Equal(sum(s.key, content)[:macBytes], mac) {
		return Grant{}, ErrForged
	}
	p, ok := parse(content)
	if !ok {
		return Grant{}, ErrForged
	}
	if p.grant.ID == 0 {
		p.grant.ID = binary.BigEndian.Uint64(mac)
	}
	left := time.Unix(p.expires, 0).Sub(now)
	if left <= 0 || left > s.ttl+skew { // the clock that it was made with was wrong, or grants lived longer then
		return p.grant, ErrExpired
	}
	if !hmac.Equal(p.owner, s.hashOf(o)) {
		return p.grant, ErrForeign
	}
	return p.grant, nil
}

// encoding refuses texts that are another spelling of the same bytes.
var encoding = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // a constant

// hashOf returns what a grant contains of its owner: nothing for a guest without a
// session. A user's id contains no control character, so nothing else has the hash of a
// user with a session.
func (s *Sealer) hashOf(o Owner) []byte {
	switch {
	case o.Session != session.ID{}:
		return sum(s.key, []byte("user "), []byte(o.User), []byte("\x00session "), o.Session[:])[:ownerBytes]
	case o.User == "":
		return nil
	}
	return sum(s.key, []byte("user "), []byte(o.User))[:ownerBytes]
}
