package push

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
)

// Keys are the key pair by which push services recognise the application
// (RFC 8292). Browsers subscribe with the public key, so a subscription ends with
// its key pair: make one pair, and keep it as long as the subscriptions.
type Keys struct {
	Public  string // a point of P-256, 65 bytes uncompressed, in base64url without padding
	Private string // its scalar, 32 bytes, in base64url without padding; a secret
}

// NewKeys returns a new key pair. The program in cmd/vapid prints one.
func NewKeys() (Keys, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return Keys{}, fmt.Errorf("push: new keys: %w", err)
	}
	return Keys{Public: encode(private.PublicKey().Bytes()), Private: encode(private.Bytes())}, nil
}

// signer returns the private key, or an error unless the keys belong together.
func (k Keys) signer() (*ecdsa.PrivateKey, error) {
	scalar, err := decodeKey("Private", k.Private, 32)
	if err != nil {
		return nil, err
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		return nil, errors.New("push: WebConfig.Keys.Private is no scalar of P-256")
	}
	point, err := decodeKey("Public", k.Public, 65)
	if err != nil {
		return nil, err
	}
	belongs, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("push: WebConfig.Keys.Private: %w", err)
	}
	if !bytes.Equal(point, belongs) {
		return nil, errors.New("push: WebConfig.Keys.Public does not belong to Keys.Private")
	}
	return private, nil
}

// decodeKey returns the bytes of a key, or an error that says what may be wrong.
func decodeKey(name, key string, size int) ([]byte, error) {
	b, err := decode(key)
	switch {
	case key == "":
		return nil, fmt.Errorf("push: WebConfig.Keys.%s is empty; go run github.com/echo-pull/pull/push/cmd/vapid prints a pair of keys", name)
	case err != nil:
		return nil, fmt.Errorf("push: WebConfig.Keys.%s: want base64url without padding and quotes", name)
	case len(b) != size:
		return nil, fmt.Errorf("push: WebConfig.Keys.%s has %d bytes, want %d: the private key has 32 and the public key 65", name, len(b), size)
	}
	return b, nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }
