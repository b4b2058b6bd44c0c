package autopushtest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// A Sender is the least of an application server: it encrypts messages and signs
// requests. With it, tests of browsers do not depend on the code that does so in
// production.
type Sender struct {
	Token Token // what the next requests contain

	key *ecdsa.PrivateKey
}

// A Token has the claims of a request's VAPID token.
type Token struct {
	Audience string
	Subject  string
	Lifetime time.Duration
}

// A Subscription is what PushSubscription.toJSON returns in the browser.
type Subscription struct {
	Endpoint string `json:"endpoint"`
	Keys     struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

// NewSender returns a sender with a new key, and with a valid token.
func NewSender(t testing.TB) *Sender {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Sender{Token{Origin, "mailto:test@example.org", time.Hour}, key}
}

// Key returns the public key with which browsers subscribe, in base64url.
func (s *Sender) Key() string {
	key, err := s.key.PublicKey.Bytes()
	if err != nil {
		panic(err) // it is on its curve
	}
	return base64.RawURLEncoding.EncodeToString(key)
}

// Request returns the request that sends a payload to a browser, with a TTL of a
// minute. A nil payload makes an empty message.
func (s *Sender) Request(ctx context.Context, to Subscription, payload []byte) (*http.Request, error) {
	var body []byte
	if payload != nil {
		var err error
		if body, err = encrypt(to, payload); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	authorization, err := s.authorization()
	if err != nil {
		return nil, err
	}
	r.Header.Set("TTL", "60")
	r.Header.Set("Authorization", authorization)
	if body != nil {
		r.Header.Set("Content-Encoding", "aes128gcm")
	}
	return r, nil
}

// authorization returns the header of RFC 8292.
func (s *Sender) authorization() (string, error) {
	claims, err := json.Marshal(claims{s.Token.Audience, s.Token.Subject, time.Now().Add(s.Token.Lifetime).Unix()})
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return fmt.Sprintf("vapid t=%s.%s, k=%s", signed, encode(signature[:]), s.Key()), nil
}

// encrypt returns a body of one record (RFC 8291, RFC 8188).
func encrypt(to Subscription, payload []byte) ([]byte, error) {
	theirs, err := base64.RawURLEncoding.DecodeString(to.Keys.P256dh)
	if err != nil {
		return nil, err
	}
	auth, err := base64.RawURLEncoding.DecodeString(to.Keys.Auth)
	if err != nil {
		return nil, err
	}
	public, err := ecdh.P256().NewPublicKey(theirs)
	if err != nil {
		return nil, err
	}
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	secret, err := private.ECDH(public)
	if err != nil {
		return nil, err
	}
	ours := private.PublicKey().Bytes()
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	material, err := hkdf.Key(sha256.New, secret, auth, "WebPush: info\x00"+string(theirs)+string(ours), 32)
	if err != nil {
		return nil, err
	}
	sealed, err := seal(material, salt, append(slices.Clone(payload), 2)) // 2 ends the last record
	if err != nil {
		return nil, err
	}
	header := append(slices.Clone(salt), 0, 0, 0x10, 0, byte(len(ours))) // records of 4,096 bytes
	return slices.Concat(header, ours, sealed), nil
}

func seal(material, salt, plain []byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, material, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, material, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(nil, nonce, plain, nil), nil
}
