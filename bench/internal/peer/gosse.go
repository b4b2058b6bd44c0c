package peer

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/tmaxmax/go-sse"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// ssePeer is go-sse with its default provider, and topics for everyone, for each
// user and for each tag.
type ssePeer struct {
	*sse.Server
	*requests
}

func newSSE() (*ssePeer, error) {
	p := &ssePeer{Server: &sse.Server{OnSession: topics}}
	p.requests = newRequests(echo.New(), sendEach(p.User))
	return p, nil
}

// topics also sends the headers at once. go-sse itself sends them with the first
// event, so a client could not tell when it is subscribed.
func topics(w http.ResponseWriter, r *http.Request) ([]string, bool) {
	user, tag := identity(r)
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	return []string{"all", "user:" + user, "tag:" + tag}, http.NewResponseController(w).Flush() == nil
}

func (p *ssePeer) Broadcast(m wire.Message) error         { return p.publish("all", m) }
func (p *ssePeer) User(user string, m wire.Message) error { return p.publish("user:"+user, m) }
func (p *ssePeer) Tag(tag string, m wire.Message) error   { return p.publish("tag:"+tag, m) }

func (p *ssePeer) publish(topic string, m wire.Message) error {
	message := &sse.Message{}
	message.AppendData(string(m.Append(nil)))
	return p.Publish(message, topic)
}

func (p *ssePeer) Request(ctx context.Context, user string, messages []wire.Message) error {
	return p.do(ctx, user, messages)
}

func (p *ssePeer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.Shutdown(ctx)
}
