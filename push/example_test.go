package push_test

import (
	"context"
	"fmt"
	"log"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"os"
	"time"

	"github.com/echo-pull/pull/internal/notification"
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
	// Output: push: Keys.Private: want 32 bytes in base64url without padding
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

	n := notification.New(notification.Push{Title: "Bob", Body: "Lunch?", Important: true}, "1", time.Now())
	fmt.Println(pusher.Push(context.Background(), "ann", &n))
	// Output:
	// POST /device/1 aes128gcm high
	// <nil>
}

// A mailer is an application's own Pusher. It sends notifications as mail, in addition
// to Web Push or instead of it.
type mailer struct {
	server, from string
	address      func(ctx context.Context, user string) (string, error) // "" if there is none
	send         func(server string, auth smtp.Auth, from string, to []string, message []byte) error
}

func (m *mailer) Push(ctx context.Context, user string, n *notification.Notification) error {
	to, err := m.address(ctx, user)
	if err != nil || to == "" {
		return err
	}
	subject := mime.QEncoding.Encode("utf-8", n.Title)
	text := "From: " + m.from + "\r\nTo: " + to + "\r\nSubject: " + subject + "\r\nMessage-Id: <" + n.ID + "@example.com>\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n\r\n" + n.Body + "\r\n\r\nhttps://example.com" + n.URL + "\r\n"
	if err := m.send(m.server, nil, m.from, []string{to}, []byte(text)); err != nil {
		return &notification.RetryError{After: time.Minute, Err: fmt.Errorf("mail to user %s: %w", user, err)}
	}
	return nil
}

// A pull.Pusher of one's own needs one method: this one sends mail. One that sends
// by FCM or APNs looks the same.
func Example_mail() {
	pusher := &mailer{
		server: "mail.example.com:587", from: "app@example.com",
		address: func(_ context.Context, user string) (string, error) { return user + "@example.com", nil },
		send: func(server string, _ smtp.Auth, _ string, to []string, _ []byte) error { // smtp.SendMail
			fmt.Println("to", to, "by", server)
			return nil
		},
	}
	n := notification.New(notification.Push{Title: "Bob", Body: "Lunch?", URL: "/im/7", Tag: "im-7"}, "1", time.Now())
	fmt.Println(pusher.Push(context.Background(), "ann", &n))
	// Output:
	// to [ann@example.com] by mail.example.com:587
	// <nil>
}
