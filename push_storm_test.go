package pull_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
	webpush "github.com/echo-pull/pull/push"
)

// hangs is the way to two push services, of which one never responds.
type hangs struct{ served atomic.Int64 }

func (h *hangs) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "hangs.push.apple.com" {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	h.served.Add(1)
	return &http.Response{StatusCode: http.StatusCreated, Header: http.Header{}, Body: http.NoBody}, nil
}

// A push service that hangs does not delay the notifications of another one.
func TestServiceThatHangsDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way, store := new(hangs), webpush.NewMemoryStore()
		keys, err := webpush.NewKeys()
		if err != nil {
			t.Fatal(err)
		}
		pusher, err := webpush.Web(webpush.WebConfig{Subject: "mailto:ops@example.com", Keys: keys, Store: store, Client: &http.Client{Transport: way}})
		if err != nil {
			t.Fatal(err)
		}
		a := newApp(t, func(c *pull.Config) { c.Pusher = pusher })
		defer a.stop(t)
		browser := webpush.SubscriptionKeys{P256dh: keys.Public, Auth: "AAAAAAAAAAAAAAAAAAAAAA"}
		save := func(user, host string) {
			if err := store.Save(t.Context(), user, webpush.Subscription{Endpoint: "https://" + host + ".push.apple.com/" + user, Keys: browser}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 3000 {
			user := fmt.Sprint("hangs-", i)
			save(user, "hangs")
			sendEvent(t, a, pull.User(user), push("hi", ""))
		}
		save("42", "works")

		sendEvent(t, a, pull.User("42"), push("hi", ""))

		began := time.Now()
		for way.served.Load() == 0 && time.Since(began) < time.Hour {
			pass(time.Second)
		}
		took := time.Since(began)
		if took > time.Minute {
			t.Errorf("the notification took %s", took)
		}
	})
}
