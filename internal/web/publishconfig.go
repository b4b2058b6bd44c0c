package web

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/echo-pull/pull/internal/envelope"
)

// A PublishConfig configures [Plugin.PublishHandler].
type PublishConfig struct {
	// Keys are the secrets of which a request has one in its header Authorization, after
	// "Bearer ". There are one or two: the second one is for a rotation, during which
	// both are valid. A key has 16 to 255 characters: letters, digits and - . _ ~ + /,
	// and = at its end. Give each service a handler with a key of its own. Required.
	Keys []string

	// Modules are the ids of the modules that may be published. Each must be
	// registered by the time of a request. Required.
	Modules []string

	// BodyBytes is the largest size of a request's body. Default 1 MiB, at most 16 MiB.
	BodyBytes int
}

const (
	minPublishKey     = 16
	maxPublishKey     = 255
	mostPublishKeys   = 2 // the second one during a rotation
	defaultBodyBytes  = 1 << 20
	largestBodyBytes  = 16 << 20
	maxIdempotencyKey = 255
)

// tokens is the syntax of a bearer token (RFC 6750).
var tokens = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// check returns an error for a configuration that no handler can have.
func (c *PublishConfig) check() error {
	switch {
	case len(c.Keys) == 0 || len(c.Keys) > mostPublishKeys:
		return fmt.Errorf("pull: PublishConfig.Keys has %d keys, want one, or two during a rotation", len(c.Keys))
	case len(c.Keys) == mostPublishKeys && c.Keys[0] == c.Keys[1]:
		return errors.New("pull: PublishConfig.Keys has a key twice")
	case len(c.Modules) == 0:
		return errors.New("pull: PublishConfig.Modules is missing")
	case c.BodyBytes < 0 || c.BodyBytes > largestBodyBytes:
		return fmt.Errorf("pull: PublishConfig.BodyBytes is %d, want at most %d", c.BodyBytes, largestBodyBytes)
	}
	for i, key := range c.Keys { // never show a key
		if len(key) < minPublishKey || len(key) > maxPublishKey || !tokens.MatchString(key) {
			return fmt.Errorf("pull: PublishConfig.Keys[%d] is not %d to %d letters, digits and - . _ ~ + /, with = at the end", i, minPublishKey, maxPublishKey)
		}
	}
	for _, id := range c.Modules {
		if err := envelope.CheckModule(id); err != nil {
			return fmt.Errorf("pull: PublishConfig.Modules: %s", strings.TrimPrefix(err.Error(), "pull: "))
		}
	}
	return nil
}

// newPublishing returns a handler's configuration as it uses it.
func newPublishing(s *Server, c PublishConfig) (*publishing, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	p := &publishing{server: s, scope: []byte(c.Keys[0]), bodyBytes: cmp.Or(c.BodyBytes, defaultBodyBytes)}
	for _, key := range c.Keys {
		p.keys = append(p.keys, sha256.Sum256([]byte(key)))
	}
	for _, id := range c.Modules {
		p.modules = append(p.modules, strings.ToLower(id))
	}
	slices.Sort(p.modules)
	return p, nil
}
