package conn

import (
	"bufio"
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
	IncomingBytes = 16 << 10 // largest frame of a client
	readBuffer    = 256      // a client says little
)

// A Broadcaster carries sessions over WebSockets. melody upgrades, reads, keeps
// the deadlines and closes; frames are written by the sessions themselves,
// because melody's own queue counts messages instead of bytes and drops what it
// has no room for. See wire for how the two are kept apart.
type Broadcaster struct {
	melody  *melody.Melody
	control rate.Limit // of pings and pongs
}

func NewBroadcaster(tick time.Duration) *Broadcaster {
	b := &Broadcaster{melody: melody.New()}
	m := b.melody
	m.Config.MaxMessageSize = IncomingBytes
	m.Config.MessageBufferSize = 1              // for the one that ends the writing goroutine
	m.Config.PingPeriod = math.MaxInt64         // the plugin's clock pings
	m.Config.PongWait = 2*tick + 10*time.Second // two pings may get lost
	b.control = controlRate(tick, m.Config.PongWait)
	m.Upgrader.HandshakeTimeout = closeWait
	m.Upgrader.ReadBufferSize = readBuffer
	m.Upgrader.WriteBufferPool = new(sync.Pool)
	m.Upgrader.CheckOrigin = func(*http.Request) bool { return true } // checked before, with a reason
	m.HandleConnect(b.connected)
	m.HandleMessage(func(ms *melody.Session, frame []byte) { wireOf(ms).conn.owner.Received(frame) })
	m.HandleMessageBinary(func(ms *melody.Session, _ []byte) {
		wireOf(ms).conn.CloseNow(CloseViolation, "binary frame")
	})
	m.HandlePong(func(ms *melody.Session) { wireOf(ms).flood.control(b.control) })
	m.HandleClose(func(ms *melody.Session, _ int, _ string) error {
		w := wireOf(ms)
		w.answered.Store(true)
		w.conn.CloseNow(websocket.CloseNormalClosure, "")
		return nil
	})
	m.HandleError(failed)
	return b
}

// Serve upgrades a request on a goroutine of the connection's own, which calls
// ended when it is over. It returns when the connection is taken over, so that
// the server lets go of its buffers, or with the status of a refusal.
func (b *Broadcaster) Serve(w http.ResponseWriter, r *http.Request, c *Conn, ended func()) (refused int) {
	h := newHandover(w, r, c)
	done := h.done
	c.owner.Settings().Spawn(func() {
		defer ended()
		b.carry(h)
	})
	<-done
	if h.wire != nil {
		return 0
	}
	return h.status
}

// carry carries the messages for as long as the connection lives, or leaves in h
// why there is none.
func (b *Broadcaster) carry(h *Handover) {
	err := b.melody.HandleRequest(h, trim(h.request))
	if h.wire != nil {
		h.wire.closeAfterReading()
		return
	}
	h.status, h.err = max(h.status, http.StatusBadRequest), err
	h.letGo()
}

// connected runs once the 101 is written: from here on melody writes nothing.
func (b *Broadcaster) connected(ms *melody.Session) {
	w := wireOf(ms)
	w.ours.Store(true)
	ms.Request = nil // nobody asks for it again
	_ = ms.Close()   // melody's writing goroutine has nothing to do: it ends, and the wire stays open
	ms.WebsocketConnection().SetPingHandler(func(payload string) error {
		if !w.flood.control(b.control) {
			return errFlood
		}
		w.conn.Push(Item{raw: appendControlFrame(nil, opPong, payload)})
		return nil
	})
	w.conn.owner.Connected()
}

// failed learns why reading ended. What the client did wrong, it is told.
func failed(ms *melody.Session, err error) {
	w := wireOf(ms)
	var closed *websocket.CloseError
	var broken net.Error
	switch {
	case errors.As(err, &closed):
		w.answered.Store(true)
	case errors.Is(err, errFlood):
		w.conn.CloseNow(CloseViolation, "too fast")
	case errors.Is(err, websocket.ErrReadLimit):
		w.conn.CloseNow(CloseViolation, "frame too large")
	case errors.As(err, &broken), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
	default:
		w.conn.CloseNow(CloseViolation, "malformed frame")
	}
}

func wireOf(ms *melody.Session) *Socket {
	return ms.WebsocketConnection().NetConn().(*Socket) //nolint:forcetypeassert // handover gave it
}

// trim returns the request with what the upgrade needs and nothing that would
// stay in memory with the session.
func trim(r *http.Request) *http.Request {
	header := make(http.Header, 5)
	for _, key := range []string{"Connection", "Upgrade", "Sec-Websocket-Version", "Sec-Websocket-Key"} {
		if v := r.Header[key]; v != nil {
			header[key] = v
		}
	}
	return &http.Request{Method: r.Method, Host: r.Host, Header: header}
}

// A Handover is how a connection passes from the server to a session: the
// ResponseWriter that melody sees. It gives the connection away wrapped, and
// keeps a refusal for the handler to answer with.
type Handover struct {
	conn   *Conn
	wire   *Socket
	status int   // of a refusal
	err    error // its reason

	// Until the handler may return: a session must not keep any of them alive.
	request *http.Request
	writer  http.ResponseWriter
	header  http.Header
	done    chan struct{} // closed when the handler may return
}

func newHandover(w http.ResponseWriter, r *http.Request, c *Conn) *Handover {
	return &Handover{conn: c, request: r, writer: w, header: w.Header().Clone(), done: make(chan struct{})}
}

func (h *Handover) Header() http.Header         { return h.header }
func (h *Handover) WriteHeader(status int)      { h.status = status }
func (h *Handover) Write(p []byte) (int, error) { return len(p), nil }

// Hijack takes the connection from the server. The handler may return then, and
// with it go the server's buffers and the goroutine that served the request.
func (h *Handover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	taken, rw, err := http.NewResponseController(h.writer).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.wire = newWire(taken, h.conn)
	h.conn.Carry(h.wire)
	h.letGo()
	return h.wire, rw, nil
}

func (h *Handover) letGo() {
	close(h.done)
	h.request, h.writer, h.header, h.done = nil, nil, nil, nil
}
