package conn

import (
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"

	"github.com/echo-pull/pull/internal/rate"
)

const (
	// IncomingBytes is the largest size of a client's frame.
	IncomingBytes = 16 << 10
	readBuffer    = 128 // clients send little; gorilla needs 125 for control frames
)

// A Broadcaster serves connections over WebSockets. melody does the handshake,
// reads, keeps the read deadline and closes. The connections write frames
// themselves, because melody's own queue counts messages instead of bytes and
// drops those for which it has no room. See Socket for how the two are kept
// apart.
type Broadcaster struct {
	melody      *melody.Melody
	controlRate rate.Limit // of pings and pongs
	compress    bool       // permessage-deflate is negotiated
}

// NewBroadcaster returns a broadcaster of a node that pings once per tick. With
// compress, clients and the node may send one another compressed messages.
func NewBroadcaster(tick time.Duration, compress bool) *Broadcaster {
	b := &Broadcaster{melody: melody.New(), compress: compress}
	m := b.melody
	m.Config.MaxMessageSize = IncomingBytes
	m.Config.MessageBufferSize = 1              // for the message that ends melody's writing goroutine
	m.Config.PingPeriod = math.MaxInt64         // SendTick pings
	m.Config.PongWait = 2*tick + 10*time.Second // two pings may be lost
	b.controlRate = newControlRate(tick, m.Config.PongWait)
	m.Upgrader.HandshakeTimeout = closeWait
	m.Upgrader.EnableCompression = compress
	m.Upgrader.ReadBufferSize = readBuffer
	m.Upgrader.WriteBufferPool = new(sync.Pool)
	m.Upgrader.CheckOrigin = func(*http.Request) bool { return true } // package web checks the origin
	m.HandleConnect(b.connected)
	m.HandleMessage(func(ms *melody.Session, frame []byte) { socketOf(ms).conn.receive(frame) })
	m.HandleMessageBinary(func(ms *melody.Session, _ []byte) {
		socketOf(ms).conn.CloseNow(Violation, "binary frame")
	})
	m.HandlePong(func(ms *melody.Session) { b.ponged(socketOf(ms)) })
	m.HandleClose(func(ms *melody.Session, _ int, _ string) error { return closedByClient(socketOf(ms)) })
	m.HandleError(func(ms *melody.Session, err error) { readFailed(socketOf(ms), err) })
	return b
}

// Serve does the handshake of a WebSocket on a new goroutine, which then reads
// the connection and calls Ended of the owner when it is over. Serve returns 0 when the
// connection is taken over, so that the server can release its buffers, or else
// the status of a refusal.
func (b *Broadcaster) Serve(w http.ResponseWriter, r *http.Request, c *Conn) (refused int) {
	h := newHandover(w, r, c)
	done := h.done
	c.owner.Settings().Spawn(func() {
		defer h.conn.owner.Ended()
		b.run(h)
	})
	<-done
	if h.socket != nil {
		return 0
	}
	return h.status
}

// run serves a connection until it ends, or sets the status of a refusal in h.
func (b *Broadcaster) run(h *handover) {
	r := upgradeRequest(h.request)
	if b.compress && h.conn.form == Arrays && offersDeflate(h.request.Header) {
		h.conn.form = Deflated
		r.Header["Sec-Websocket-Extensions"] = deflateOffer
	}
	err := b.melody.HandleRequest(h, r)
	if h.socket != nil {
		h.socket.closeAfterReading()
		return
	}
	h.status, h.err = max(h.status, http.StatusBadRequest), err
	h.release()
}

// connected is called when the response to the handshake is written. From now on
// what melody writes is discarded.
func (b *Broadcaster) connected(ms *melody.Session) {
	s := socketOf(ms)
	s.upgraded.Store(true)
	ms.Request = nil // not needed again
	_ = ms.Close()   // ends melody's writing goroutine, which has nothing to do; the Socket stays open
	ms.WebsocketConnection().SetPingHandler(func(payload string) error {
		if !s.flood.allowControl(b.controlRate) {
			return errFlood
		}
		s.conn.Push(Item{raw: appendControlFrame(nil, opPong, payload)})
		return nil
	})
	s.conn.owner.Connected()
	if s.conn.form == Deflated {
		b.readInflated(s, ms.WebsocketConnection())
	}
}

// ponged counts a pong of the client. If there are too many, the next read fails.
func (b *Broadcaster) ponged(s *Socket) { s.flood.allowControl(b.controlRate) }

// closedByClient responds to a close message.
func closedByClient(s *Socket) error {
	s.peerClosed.Store(true)
	s.conn.CloseNow(ByPage, "")
	return nil
}

// readFailed is called with the error that ended the reading. If the client has
// violated the protocol, it closes the connection with the reason.
func readFailed(s *Socket, err error) {
	var closed *websocket.CloseError
	var broken net.Error
	if errors.As(err, &broken) && broken.Timeout() {
		s.conn.lose() // no pong has come
	}
	switch {
	case errors.As(err, &closed):
		s.peerClosed.Store(true)
		s.conn.die(Dead) // a close message of the client would have closed the connection
	case errors.Is(err, errFlood):
		s.conn.CloseNow(Flood, "too fast")
	case errors.Is(err, websocket.ErrReadLimit):
		s.conn.CloseNow(Violation, "frame too large")
	case errors.As(err, &broken), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		s.conn.die(Dead) // or closed by the node, which is counted already
	default:
		s.conn.CloseNow(Violation, "malformed frame")
	}
}

// socketOf returns the Socket of a melody session.
func socketOf(ms *melody.Session) *Socket {
	return ms.WebsocketConnection().NetConn().(*Socket) //nolint:forcetypeassert // Hijack has returned it
}
