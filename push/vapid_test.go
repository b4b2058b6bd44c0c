package push

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func newTokens(t testing.TB) *tokens {
	t.Helper()
	keys, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	private, err := keys.signer()
	if err != nil {
		t.Fatal(err)
	}
	return &tokens{subject: "mailto:ops@example.com", public: keys.Public, private: private, kept: map[string]token{}}
}

type claims struct {
	Aud string
	Exp int64
	Sub string
}

// verify checks a header as a push service does.
func (t *tokens) verify(header string) (claims, error) {
	jwt, key, found := strings.Cut(strings.TrimPrefix(header, "vapid t="), ", k=")
	parts := strings.Split(jwt, ".")
	if !found || len(parts) != 3 || key != t.public {
		return claims{}, fmt.Errorf("header %q", header)
	}
	signature, err := decode(parts[2])
	if err != nil || len(signature) != 64 {
		return claims{}, fmt.Errorf("signature %q", parts[2])
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(&t.private.PublicKey, sum[:], r, s) {
		return claims{}, fmt.Errorf("wrong signature of %q", header)
	}
	text, err := decode(parts[1])
	if err != nil {
		return claims{}, err
	}
	var c claims
	return c, json.Unmarshal(text, &c)
}

func TestTokenIsSignedForItsOrigin(t *testing.T) {
	t.Parallel()
	tk := newTokens(t)
	for range 1500 { // one signature in 128 has a part that begins with a zero
		header, err := tk.header("https://push.example")
		if err != nil {
			t.Fatal(err)
		}
		c, err := tk.verify(header)
		if err != nil {
			t.Fatal(err)
		}
		if life := time.Until(time.Unix(c.Exp, 0)); c.Aud != "https://push.example" || c.Sub != tk.subject || life > 12*time.Hour || life < 11*time.Hour {
			t.Errorf("claims %+v for %s", c, life)
		}
		clear(tk.kept)
	}
}

func TestTokenIsKeptAndRenewedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tk := newTokens(t)
		last, err := tk.header("https://push.example")
		if err != nil {
			t.Fatal(err)
		}
		signed := 1
		for hour := range 48 {
			<-time.After(time.Hour - time.Second)
			header, err := tk.header("https://push.example")
			if err != nil {
				t.Fatal(err)
			}
			c, err := tk.verify(header)
			if err != nil {
				t.Fatal(err)
			}
			if left := time.Until(time.Unix(c.Exp, 0)); left < time.Hour || left > 12*time.Hour {
				t.Errorf("hour %d: %s are left", hour, left)
			}
			if header != last {
				signed++
			}
			last = header
		}
		if signed != 5 {
			t.Errorf("signed %d times in 48 hours, want 5", signed)
		}
	})
}

func TestTokensAreBounded(t *testing.T) {
	t.Parallel()
	tk := newTokens(t)
	for i := range 3 * maxTokens {
		if _, err := tk.header(fmt.Sprintf("https://%d.push.example", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(tk.kept) > maxTokens {
		t.Errorf("%d tokens are kept", len(tk.kept))
	}
}

func TestTokensInParallel(t *testing.T) {
	t.Parallel()
	tk := newTokens(t)
	headers := make([]string, 40)
	var running sync.WaitGroup
	for i := range headers {
		running.Go(func() { headers[i], _ = tk.header(fmt.Sprintf("https://%d.push.example", i%4)) })
	}
	running.Wait()
	for i, header := range headers {
		if _, err := tk.verify(header); err != nil || header != headers[i%4] {
			t.Errorf("%d: %q, %v, want the same as %q", i, header, err, headers[i%4])
		}
	}
}
