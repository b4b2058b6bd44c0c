package peer

import (
	"context"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// history is how much a channel keeps for recovery.
const (
	historySize = 1000
	historyAge  = 5 * time.Minute
)

// centrifugePeer has a channel for everyone, one for each user and one for each
// tag, all with recovery, in centrifuge's memory engine.
type centrifugePeer struct {
	http.Handler
	*requests
	node *centrifuge.Node
}

func newCentrifuge(o Options) (*centrifugePeer, error) {
	return runCentrifuge(o, centrifuge.ConnectReply{}, centrifuge.WebsocketConfig{})
}

// newTunedCentrifuge accepts up to 5 ms of latency for larger frames, and sets
// the options that save memory and goroutines.
func newTunedCentrifuge(o Options) (*centrifugePeer, error) {
	return runCentrifuge(
		o,
		centrifuge.ConnectReply{WriteDelay: 5 * time.Millisecond, MaxMessagesInFrame: -1},
		centrifuge.WebsocketConfig{UseWriteBufferPool: true, ReadBufferSize: 512, ProcessCommandsOffReadLoop: true},
	)
}

func runCentrifuge(o Options, connected centrifuge.ConnectReply, config centrifuge.WebsocketConfig) (*centrifugePeer, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return connected, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(e centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			present := o.Presence && e.Channel == "all"
			reply(centrifuge.SubscribeReply{Options: centrifuge.SubscribeOptions{
				EnableRecovery: true, EmitJoinLeave: present, PushJoinLeave: present,
			}}, nil)
		})
	})
	config.CheckOrigin = func(*http.Request) bool { return true }
	p := &centrifugePeer{Handler: known(centrifuge.NewWebsocketHandler(node, config)), node: node}
	p.requests = newRequests(echo.New(), sendEach(p.User))
	return p, node.Run()
}

// known gives centrifuge the user of a connection.
func known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := identity(r)
		ctx := centrifuge.SetCredentials(r.Context(), &centrifuge.Credentials{UserID: user})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (p *centrifugePeer) Broadcast(m wire.Message) error         { return p.publish("all", m) }
func (p *centrifugePeer) User(user string, m wire.Message) error { return p.publish("user:"+user, m) }
func (p *centrifugePeer) Tag(tag string, m wire.Message) error   { return p.publish("tag:"+tag, m) }

func (p *centrifugePeer) publish(channel string, m wire.Message) error {
	_, err := p.node.Publish(channel, m.Append(nil), centrifuge.WithHistory(historySize, historyAge))
	return err
}

func (p *centrifugePeer) Request(ctx context.Context, user string, messages []wire.Message) error {
	return p.do(ctx, user, messages)
}

func (p *centrifugePeer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.node.Shutdown(ctx)
}
