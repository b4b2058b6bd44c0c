package push

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"
)

const (
	tokenLife    = 12 * time.Hour // half of what RFC 8292 permits, for clocks that differ
	tokenRenewal = time.Hour      // so long before its end a token is renewed
	maxTokens    = 256
)

// tokens makes the values of the Authorization header (RFC 8292) and keeps one for
// each origin.
type tokens struct {
	subject string
	public  string
	private *ecdsa.PrivateKey

	mu   sync.Mutex // guards kept
	kept map[string]token
}

type token struct {
	header string
	until  time.Time
}

// header returns the Authorization header for an origin, such as
// https://fcm.googleapis.com.
func (t *tokens) header(origin string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()

	now := time.Now()
	if k, found := t.kept[origin]; found && now.Before(k.until) {
		return k.header, nil
	}
	signed, err := t.sign(origin, now.Add(tokenLife))
	if err != nil {
		return "", fmt.Errorf("push: sign a token: %w", err)
	}
	if len(t.kept) >= maxTokens {
		maps.DeleteFunc(t.kept, func(_ string, k token) bool { return !now.Before(k.until) })
	}
	if len(t.kept) >= maxTokens {
		clear(t.kept)
	}
	header := "vapid t=" + signed + ", k=" + t.public
	t.kept[origin] = token{header: header, until: now.Add(tokenLife - tokenRenewal)}
	return header, nil
}

// sign returns a JSON Web Token, signed with ES256.
func (t *tokens) sign(origin string, expires time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{"aud": origin, "exp": expires.Unix(), "sub": t.subject})
	if err != nil {
		return "", err
	}
	signed := encode([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, t.private, sum[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + encode(signature[:]), nil
}
