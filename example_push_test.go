package pull_test

import (
	"context"
	"fmt"
	"log"
	"mime"
	"net/smtp"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A mailer is an application's own Pusher. It sends notifications as mail, in addition
// to Web Push or instead of it.
type mailer struct {
	server, from string
	site         *url.URL                                               // of the application
	address      func(ctx context.Context, user string) (string, error) // "" if there is none
	send         func(server string, auth smtp.Auth, from string, to []string, message []byte) error
}

func (m *mailer) Push(ctx context.Context, user string, n *pull.Notification) error {
	to, err := m.address(ctx, user)
	if err != nil || to == "" {
		return err
	}
	link, err := m.site.Parse(n.URL)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("From: %s\r\nTo: %s\r\nDate: %s\r\nMessage-Id: <%x@%s>\r\nSubject: %s\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n\r\n%s\r\n", m.from, to, time.Now().Format(time.RFC1123Z),
		n.ID+user, m.site.Hostname(), mime.QEncoding.Encode("utf-8", n.Title), n.Body, link)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	sent := make(chan error, 1) // SendMail knows no context
	go func() { sent <- m.send(m.server, nil, m.from, []string{to}, []byte(text)) }()
	select {
	case err = <-sent:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return &pull.RetryError{After: time.Minute, Err: fmt.Errorf("mail to user %s: %w", user, err)}
	}
	return nil
}

// A pull.Pusher of one's own needs one method: this one sends mail. One that sends
// by FCM or APNs looks the same.
func ExamplePusher() {
	pusher := &mailer{
		server: "mail.example.com:587", from: "app@example.com",
		site:    &url.URL{Scheme: "https", Host: "example.com"},
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
