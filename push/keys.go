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
	scalar, err := decode(k.Private)
	if err != nil || len(scalar) != 32 {
		return nil, errors.New("push: Keys.Private: want 32 bytes in base64url without padding")
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		return nil, errors.New("push: Keys.Private is no scalar of P-256")
	}
	point, err := decode(k.Public)
	if err != nil || len(point) != 65 {
		return nil, errors.New("push: Keys.Public: want 65 bytes in base64url without padding")
	}
	belongs, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("push: Keys.Private: %w", err)
	}
	if !bytes.Equal(point, belongs) {
		return nil, errors.New("push: Keys.Public does not belong to Keys.Private")
	}
	return private, nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }
