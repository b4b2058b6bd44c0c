package push_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/push"
)

// A WebPusher is for Config.Pusher. The keys come from the environment, where
// cmd/vapid has put them.
func ExampleWeb() {
	pusher, err := push.Web(push.WebConfig{
		Subject: "mailto:ops@example.com",
		Keys:    push.Keys{Public: os.Getenv("VAPID_PUBLIC_KEY"), Private: os.Getenv("VAPID_PRIVATE_KEY")},
		Store:   push.NewMemoryStore(), // or push.NewSQLStore(db), which outlives the process
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// pull.New(pull.Config{…, Pusher: pusher})
	_ = pusher
	// Output: push: WebConfig.Keys.Private is empty; go run github.com/echo-pull/pull/push/cmd/vapid prints a pair of keys
}

// In tests a server of their own takes the place of the push service: name it in
// Hosts, and have a client that trusts it.
func ExampleWebConfig_test() {
	service := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path, r.Header.Get("Content-Encoding"), r.Header.Get("Urgency"))
		w.WriteHeader(http.StatusCreated)
	}))
	defer service.Close()
	keys, err := push.NewKeys()
	if err != nil {
		log.Fatal(err)
	}
	pusher, err := push.Web(push.WebConfig{
		Subject: "mailto:ops@example.com", Keys: keys, Store: push.NewMemoryStore(),
		Hosts: []string{service.Listener.Addr().String()}, Client: service.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	err = pusher.Subscribe(context.Background(), "ann", []byte(`{"endpoint":"`+service.URL+`/device/1","expirationTime":null,"keys":{
		"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`))
	if err != nil {
		log.Fatal(err)
	}

	n := pull.Notification{
		Push: pull.Push{Title: "Bob", Body: "Lunch?", Urgency: pull.UrgencyHigh}, ID: "log.7", Expires: time.Now().Add(time.Hour),
	}
	fmt.Println(pusher.Push(context.Background(), "ann", &n))
	// Output:
	// POST /device/1 aes128gcm high
	// <nil>
}
