package push

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"io"

	"github.com/echo-pull/pull/internal/notification"
)

const (
	maxSubscriptionBytes = 8 << 10
	maxEndpointBytes     = 2 << 10
	authBytes            = 16
)

// A Subscription is what a browser returns from PushSubscription.toJSON. Its
// endpoint is a secret: with it and the application's private key anyone can send to
// the browser.
type Subscription struct {
	// Endpoint is the URL at the browser's push service, at most 2 KiB. It
	// identifies the subscription; upper and lower case differ.
	Endpoint string `json:"endpoint"`

	// ExpirationTime is when the browser ends the subscription, in milliseconds
	// since 1970, or nil. It is kept and not interpreted: the push service
	// reports the end, and the clock of a browser may be wrong.
	ExpirationTime *float64 `json:"expirationTime"`

	// Keys are for the encryption.
	Keys SubscriptionKeys `json:"keys"`
}

// SubscriptionKeys are the keys of a browser's subscription (RFC 8291), in
// base64url without padding.
type SubscriptionKeys struct {
	P256dh string `json:"p256dh"` // the browser's public key, a point of P-256 in 65 bytes
	Auth   string `json:"auth"`   // a secret of 16 bytes
}

// parseSubscription parses the JSON of PushSubscription.toJSON, of at most 8 KiB.
// It ignores members that it does not know. The error is a
// [github.com/echo-pull/pull.SubscriptionError]. Whether notifications may be sent
// to the endpoint is for [WebPusher.Subscribe] to check.
func parseSubscription(text []byte) (Subscription, error) {
	s, err := readSubscription(text)
	if err != nil {
		return Subscription{}, err
	}
	if _, err := s.recipient(); err != nil {
		return Subscription{}, refuse(err.Error())
	}
	return s, nil
}

// readSubscription parses JSON in which only the endpoint is required.
func readSubscription(text []byte) (Subscription, error) {
	if len(text) > maxSubscriptionBytes {
		return Subscription{}, refuse("the subscription is larger than 8 KiB")
	}
	var s Subscription
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&s); err != nil {
		return Subscription{}, refuse("the body is not the JSON of a PushSubscription")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Subscription{}, refuse("something follows the JSON")
	}
	switch {
	case s.Endpoint == "":
		return Subscription{}, refuse("the subscription has no endpoint")
	case len(s.Endpoint) > maxEndpointBytes:
		return Subscription{}, refuse("the endpoint is longer than 2 KiB")
	}
	return s, nil
}

// A recipient is a subscription's keys as the encryption needs them.
type recipient struct {
	public *ecdh.PublicKey
	auth   []byte
}

func (s *Subscription) recipient() (recipient, error) {
	point, err := decode(s.Keys.P256dh)
	if err != nil {
		return recipient{}, errors.New("keys.p256dh is not base64url without padding")
	}
	public, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return recipient{}, errors.New("keys.p256dh is no point of P-256")
	}
	auth, err := decode(s.Keys.Auth)
	if err != nil || len(auth) != authBytes {
		return recipient{}, errors.New("keys.auth is not 16 bytes in base64url without padding")
	}
	return recipient{public: public, auth: auth}, nil
}

func refuse(reason string) error { return &notification.SubscriptionError{Reason: reason} }
