package e2e

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/push"
)

// A pushRequest is what a push service got.
type pushRequest struct {
	Body          []byte `json:"body"`
	Authorization string `json:"authorization"`
}

// pushRequests collects requests in place of a push service.
type pushRequests []pushRequest

func (p *pushRequests) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	*p = append(*p, pushRequest{Body: body, Authorization: r.Header.Get("Authorization")})
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody}, err
}

// openWithNode has webpush.mjs receive requests, and decodes what it prints.
func openWithNode(t *testing.T, input, output any) {
	t.Helper()
	if _, err := os.Stat("node_modules/http_ece"); errors.Is(err, os.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("no http_ece: run npm ci in e2e")
	}
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "webpush.mjs")
	var stderr strings.Builder
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), &stderr
	printed, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(printed, output)
	}
	if err != nil {
		t.Fatalf("node webpush.mjs: %v\n%s", err, stderr.String())
	}
}

// Other implementations of RFC 8188, 8291 and 8292 read what package push writes,
// and either's keys work with the other.
func TestNotificationsAreOpenedByOtherImplementations(t *testing.T) {
	t.Parallel()
	browser, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := push.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	auth := make([]byte, 16)
	_, _ = rand.Read(auth)
	base64url := base64.RawURLEncoding.EncodeToString
	subscription, err := json.Marshal(push.Subscription{
		Endpoint: "https://updates.push.services.mozilla.com/wpush/v2/1",
		Keys:     push.SubscriptionKeys{P256dh: base64url(browser.PublicKey().Bytes()), Auth: base64url(auth)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var requests pushRequests
	pusher, err := push.Web(push.WebConfig{
		Subject: "mailto:ops@example.com", Keys: keys, Store: push.NewMemoryStore(), Client: &http.Client{Transport: &requests},
	})
	if err == nil {
		err = pusher.Subscribe(t.Context(), "ann", subscription)
	}
	if err != nil {
		t.Fatal(err)
	}
	var payloads []string
	for i, body := range []string{"", "Lunch?", "Frühstück? 🥐 <b>&\u2028", strings.Repeat("x", 100), strings.Repeat("x", 1000), strings.Repeat("x", 3900)} {
		n := notification.New(notification.Push{Title: "Ann", Body: body, Tag: "im-7"}, strconv.Itoa(i), time.Now())
		payloads = append(payloads, string(n.Payload()))
		if err := pusher.Push(t.Context(), "ann", &n); err != nil {
			t.Fatal(err)
		}
	}

	var got struct {
		Opened []struct {
			Text   string
			Claims struct {
				Header        struct{ Typ, Alg string }
				Aud, Sub, Key string
				Exp           int64
			}
		}
		Keys struct{ PublicKey, PrivateKey string }
	}
	openWithNode(t, map[string]any{"browser": base64url(browser.Bytes()), "auth": base64url(auth), "keys": keys, "requests": requests}, &got)

	if len(got.Opened) != len(payloads) {
		t.Fatalf("%d were opened, want %d", len(got.Opened), len(payloads))
	}
	for i, opened := range got.Opened {
		if opened.Text != payloads[i] {
			t.Errorf("%d: opened as %s, want %s", i, opened.Text, payloads[i])
		}
		c := opened.Claims
		if c.Header.Alg != "ES256" || c.Aud != "https://updates.push.services.mozilla.com" || c.Sub != "mailto:ops@example.com" || c.Key != keys.Public {
			t.Errorf("%d: claims %+v", i, c)
		}
		if life := time.Until(time.Unix(c.Exp, 0)); life <= 0 || life > 24*time.Hour {
			t.Errorf("%d: the token lives for %s", i, life)
		}
	}
	theirs := push.Keys{Public: got.Keys.PublicKey, Private: got.Keys.PrivateKey}
	if _, err := push.Web(push.WebConfig{Subject: "mailto:ops@example.com", Keys: theirs, Store: push.NewMemoryStore()}); err != nil {
		t.Errorf("keys of web-push: %v", err)
	}
}
