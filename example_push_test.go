package pull_test

import (
	"context"
	"fmt"
	"log"
	"mime"
	"net/smtp"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A mailer is an application's own Pusher. It sends notifications as mail, in addition
// to Web Push or instead of it.
type mailer struct {
	server, from string
	address      func(ctx context.Context, user string) (string, error) // "" if there is none
	send         func(server string, auth smtp.Auth, from string, to []string, message []byte) error
}

func (m *mailer) Push(ctx context.Context, user string, n *pull.Notification) error {
	to, err := m.address(ctx, user)
	if err != nil || to == "" {
		return err
	}
	subject := mime.QEncoding.Encode("utf-8", n.Title)
	text := "From: " + m.from + "\r\nTo: " + to + "\r\nSubject: " + subject + "\r\nMessage-Id: <" + n.ID + "@example.com>\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n\r\n" + n.Body + "\r\n\r\nhttps://example.com" + n.URL + "\r\n"
	if err := m.send(m.server, nil, m.from, []string{to}, []byte(text)); err != nil {
		return &pull.RetryError{After: time.Minute, Err: fmt.Errorf("mail to user %s: %w", user, err)}
	}
	return nil
}

// A pull.Pusher of one's own needs one method: this one sends mail. One that sends
// by FCM or APNs looks the same.
func ExamplePusher() {
	pusher := &mailer{
		server: "mail.example.com:587", from: "app@example.com",
		address: func(_ context.Context, user string) (string, error) { return user + "@example.com", nil },
		send: func(server string, _ smtp.Auth, _ string, to []string, _ []byte) error { // smtp.SendMail
			fmt.Println("to", to, "by", server)
			return nil
		},
	}
	p, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "bob", nil }, Pusher: pusher})
	if err != nil {
		log.Fatal(err)
	}
	if err := p.Register(pull.Module{ID: "im"}); err != nil {
		log.Fatal(err)
	}
	message := pull.Event{Module: "im", Command: "message", Push: &pull.Push{Title: "Bob", Body: "Lunch?", URL: "/im/7", Tag: "im-7"}}
	if err := p.Send(context.Background(), pull.User("ann"), message); err != nil {
		log.Fatal(err)
	}
	if err := p.Shutdown(context.Background()); err != nil { // sends what waits
		log.Fatal(err)
	}
	// Output: to [ann@example.com] by mail.example.com:587
}
