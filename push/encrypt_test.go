package push

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/notification"
)

// The example of RFC 8291, section 5, byte for byte.
func TestEncryptionReproducesTheExampleOfTheRFC(t *testing.T) {
	t.Parallel()
	const (
		text    = "When I grow up, I want to be a watermelon"
		auth    = "BTBZMqHH6r4Tts7J_aSIgg"
		browser = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
		private = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
		salt    = "DGv6ra1nlYgDCS1FRnbzlw"
		body    = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_" +
			"yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	)
	s := Subscription{Endpoint: "https://push.example/", Keys: SubscriptionKeys{P256dh: browser, Auth: auth}}
	to, err := s.recipient()
	if err != nil {
		t.Fatal(err)
	}
	sender, err := ecdh.P256().NewPrivateKey(bytesOf(t, private))
	if err != nil {
		t.Fatal(err)
	}

	got, err := seal([]byte(text), len(text)+1, to, sender, bytesOf(t, salt))

	if err != nil || encode(got) != body {
		t.Errorf("got  %s, %v\nwant %s", encode(got), err, body)
	}
}

func TestEachSizeIsOneRecordThatTheBrowserOpens(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	for _, size := range []int{0, 1, padStep - 1, padStep, 3900, notification.MaxPayload - 1, notification.MaxPayload} {
		text := []byte(strings.Repeat("x", size))

		body, err := encrypt(text, browser.recipient)
		if err != nil {
			t.Fatal(err)
		}

		if got := browser.open(t, body); !bytes.Equal(got, text) {
			t.Errorf("size %d: opened as %q", size, got)
		}
		if len(body) > recordBytes || size == notification.MaxPayload && len(body) != recordBytes {
			t.Errorf("size %d: a body of %d bytes", size, len(body))
		}
	}
}

func TestBodiesOfSimilarTextsHaveOneLength(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	yes, err := encrypt([]byte("yes"), browser.recipient)
	if err != nil {
		t.Fatal(err)
	}
	no, err := encrypt([]byte("no, thank you"), browser.recipient)
	if err != nil || len(yes) != len(no) {
		t.Errorf("lengths %d and %d, %v", len(yes), len(no), err)
	}
	if bytes.Equal(yes[:saltBytes], no[:saltBytes]) || bytes.Equal(yes[saltBytes:headerBytes], no[saltBytes:headerBytes]) {
		t.Error("two messages have one salt or one key")
	}
}

func BenchmarkEncrypt(b *testing.B) {
	browser := newBrowser(b)
	text := bytes.Repeat([]byte("x"), 300)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encrypt(text, browser.recipient); err != nil {
			b.Fatal(err)
		}
	}
}

// A browser has the private half of a subscription.
type browser struct {
	private *ecdh.PrivateKey
	recipient
}

func newBrowser(t testing.TB) *browser {
	t.Helper()
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := make([]byte, authBytes)
	_, _ = rand.Read(auth)
	return &browser{private: private, recipient: recipient{public: private.PublicKey(), auth: auth}}
}

func (b *browser) subscription(endpoint string) Subscription {
	return Subscription{Endpoint: endpoint, Keys: SubscriptionKeys{P256dh: encode(b.public.Bytes()), Auth: encode(b.auth)}}
}

// open decrypts a body of one record.
func (b *browser) open(t testing.TB, body []byte) []byte {
	t.Helper()
	point := body[saltBytes+5 : headerBytes]
	sender, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := b.private.ECDH(sender)
	if err != nil {
		t.Fatal(err)
	}
	derive := func(secret, salt []byte, info string, length int) []byte {
		key, err := hkdf.Key(sha256.New, secret, salt, info, length)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	input := derive(shared, b.auth, "WebPush: info\x00"+string(b.public.Bytes())+string(point), 32)
	block, err := aes.NewCipher(derive(input, body[:saltBytes], "Content-Encoding: aes128gcm\x00", 16))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	text, err := aead.Open(nil, derive(input, body[:saltBytes], "Content-Encoding: nonce\x00", 12), body[headerBytes:], nil)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.TrimRight(text, "\x00")
	if len(text) == 0 || text[len(text)-1] != lastRecord {
		t.Fatalf("the record ends with %x", text)
	}
	return text[:len(text)-1]
}

func bytesOf(t testing.TB, s string) []byte {
	t.Helper()
	b, err := decode(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
