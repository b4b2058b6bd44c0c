package autopushtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// verify returns an error unless an Authorization header is that of the
// application server with the key (RFC 8292).
func verify(authorization string, key []byte, audience string, now time.Time) error {
	scheme, parameters, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "vapid") {
		return errors.New("no vapid in Authorization")
	}
	var token, named string
	for parameter := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		switch name {
		case "t":
			token = value
		case "k":
			named = value
		}
	}
	if k, err := base64.RawURLEncoding.DecodeString(named); err != nil || !bytes.Equal(k, key) {
		return errors.New("k is not the key of the subscription")
	}
	claims, err := open(token, key)
	if err != nil {
		return err
	}
	return claims.check(audience, now)
}

// open verifies the signature of a token and returns its claims.
func open(token string, key []byte) (*claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("t is not a token of three parts")
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	if err := decode(parts[0], &header); err != nil || header.Algorithm != "ES256" {
		return nil, fmt.Errorf("the token's algorithm is %q, want ES256", header.Algorithm)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return nil, errors.New("the token's signature is not 64 bytes")
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(public, sum[:], r, s) {
		return nil, errors.New("the token's signature is wrong")
	}
	var c claims
	return &c, decode(parts[1], &c)
}

type claims struct {
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	Expires  int64  `json:"exp"`
}

func (c *claims) check(audience string, now time.Time) error {
	left := time.Unix(c.Expires, 0).Sub(now)
	switch {
	case c.Audience != audience:
		return fmt.Errorf("aud is %q, want %q", c.Audience, audience)
	case left <= 0:
		return errors.New("the token has expired")
	case left > 24*time.Hour:
		return errors.New("exp is more than 24 hours ahead")
	case !strings.HasPrefix(c.Subject, "mailto:") && !strings.HasPrefix(c.Subject, "https:"):
		return fmt.Errorf("sub is %q, neither mailto nor https", c.Subject) // Apple's service refuses that
	}
	return nil
}

func decode(part string, value any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}
