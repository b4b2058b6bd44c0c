package push

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/notification"
)

const (
	goodP256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	goodAuth   = "BTBZMqHH6r4Tts7J_aSIgg"
)

func subscriptionJSON(endpoint, expires, p256dh, auth string) string {
	return `{"endpoint":"` + endpoint + `","expirationTime":` + expires + `,"keys":{"p256dh":"` + p256dh + `","auth":"` + auth + `"}}`
}

func TestSubscriptionsOfBrowsersAreParsed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		subscriptionJSON("https://push.example/x", "null", goodP256dh, goodAuth),
		subscriptionJSON("https://push.example/x", "1893456000000", goodP256dh, goodAuth),
		subscriptionJSON("https://push.example/x", "1893456000000.25", goodP256dh, goodAuth) + "\n",
		`{"endpoint":"https://push.example/x","keys":{"auth":"` + goodAuth + `","p256dh":"` + goodP256dh + `"},"new":[1]}`,
	} {
		s, err := parseSubscription([]byte(text))
		if err != nil || s.Endpoint != "https://push.example/x" || s.Keys.Auth != goodAuth || s.Keys.P256dh != goodP256dh {
			t.Errorf("%s: %+v, %v", text, s, err)
		}
	}
}

func TestWrongSubscriptionsAreRefusedWithAReason(t *testing.T) {
	t.Parallel()
	const endpoint = "https://push.example/x"
	for text, reason := range map[string]string{
		``:               "not the JSON",
		`null`:           "no endpoint",
		`[]`:             "not the JSON",
		`{}`:             "no endpoint",
		`{"endpoint":7}`: "not the JSON",
		subscriptionJSON(endpoint, "null", goodP256dh, goodAuth) + "{}":                      "follows",
		subscriptionJSON(endpoint, `"soon"`, goodP256dh, goodAuth):                           "not the JSON",
		subscriptionJSON(endpoint, "null", "", goodAuth):                                     "p256dh",
		subscriptionJSON(endpoint, "null", goodP256dh+"=", goodAuth):                         "p256dh",
		subscriptionJSON(endpoint, "null", goodP256dh[:84]+"AAA", goodAuth):                  "no point",
		subscriptionJSON(endpoint, "null", goodAuth, goodAuth):                               "no point",
		subscriptionJSON(endpoint, "null", "AA", goodAuth):                                   "no point",
		subscriptionJSON(endpoint, "null", goodP256dh, ""):                                   "auth",
		subscriptionJSON(endpoint, "null", goodP256dh, goodAuth+"AA"):                        "auth",
		subscriptionJSON(endpoint+strings.Repeat("x", 2048), "null", goodP256dh, goodAuth):   "longer",
		subscriptionJSON(endpoint, "null", goodP256dh, goodAuth) + strings.Repeat(" ", 8192): "larger",
	} {
		_, err := parseSubscription([]byte(text))
		var refused *notification.SubscriptionError
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, reason) {
			t.Errorf("%.200q: %v, want %q", text, err, reason)
		}
	}
}

// What is accepted can be sent to, and is the same after a store.
func FuzzParseSubscription(f *testing.F) {
	f.Add([]byte(subscriptionJSON("https://push.example/x", "null", goodP256dh, goodAuth)))
	f.Add([]byte(subscriptionJSON("https://push.example/\u00e9", "1e300", goodP256dh, goodAuth)))
	f.Add([]byte(`{"ENDPOINT":"x","endpoint":"y"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseSubscription(text)
		if err != nil {
			if !errors.As(err, new(*notification.SubscriptionError)) {
				t.Errorf("error %T", err)
			}
			return
		}
		if len(s.Endpoint) > maxEndpointBytes {
			t.Errorf("an endpoint of %d bytes", len(s.Endpoint))
		}
		to, err := s.recipient()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := encrypt(text[:min(len(text), notification.MaxPayload)], to); err != nil {
			t.Error(err)
		}
		stored, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseSubscription(stored); err != nil || again.Endpoint != s.Endpoint || again.Keys != s.Keys {
			t.Errorf("%+v came back as %+v, %v", s, again, err)
		}
	})
}
