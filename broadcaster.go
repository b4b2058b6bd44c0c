package pull

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
	incomingBytes = 16 << 10 // largest frame of a client
	readBuffer    = 256      // a client says little
)

// A broadcaster carries sessions over WebSockets. melody upgrades, reads, keeps
// the deadlines and closes; frames are written by the sessions themselves,
// because melody's own queue counts messages instead of bytes and drops what it
// has no room for. See wire for how the two are kept apart.
type broadcaster struct {
	melody  *melody.Melody
	control rate.Limit // of pings and pongs
}

func newBroadcaster(tick time.Duration) *broadcaster {
	b := &broadcaster{melody: melody.New()}
	m := b.melody
	m.Config.MaxMessageSize = incomingBytes
	m.Config.MessageBufferSize = 1              // for the one that ends the writing goroutine
	m.Config.PingPeriod = math.MaxInt64         // the plugin's clock pings
	m.Config.PongWait = 2*tick + 10*time.Second // two pings may get lost
	b.control = controlRate(tick, m.Config.PongWait)
	m.Upgrader.HandshakeTimeout = closeWait
	m.Upgrader.ReadBufferSize = readBuffer
	m.Upgrader.WriteBufferPool = new(sync.Pool)
	m.Upgrader.CheckOrigin = func(*http.Request) bool { return true } // checked before, with a reason
	m.HandleConnect(b.connected)
	m.HandleMessage(func(ms *melody.Session, frame []byte) { wireOf(ms).conn.owner.received(frame) })
	m.HandleMessageBinary(func(ms *melody.Session, _ []byte) {
		wireOf(ms).conn.expel(closeViolation, "binary frame")
	})
	m.HandlePong(func(ms *melody.Session) { wireOf(ms).flood.control(b.control) })
	m.HandleClose(func(ms *melody.Session, _ int, _ string) error {
		w := wireOf(ms)
		w.answered.Store(true)
		w.conn.expel(websocket.CloseNormalClosure, "")
		return nil
	})
	m.HandleError(failed)
	return b
}

// carry carries a session over its connection for as long as that lives, or
// leaves in h why there is none.
func (b *broadcaster) carry(h *handover) {
	err := b.melody.HandleRequest(h, trim(h.request))
	if h.wire != nil {
		h.wire.bury()
		return
	}
	h.status, h.err = max(h.status, http.StatusBadRequest), err
	h.letGo()
}

// connected runs once the 101 is written: from here on melody writes nothing.
func (b *broadcaster) connected(ms *melody.Session) {
	w := wireOf(ms)
	w.ours.Store(true)
	ms.Request = nil // nobody asks for it again
	_ = ms.Close()   // melody's writing goroutine has nothing to do: it ends, and the wire stays open
	ms.WebsocketConnection().SetPingHandler(func(payload string) error {
		if !w.flood.control(b.control) {
			return errFlood
		}
		w.conn.push(item{raw: appendControlFrame(nil, opPong, payload)})
		return nil
	})
	w.conn.owner.connected()
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
		w.conn.expel(closeViolation, "too fast")
	case errors.Is(err, websocket.ErrReadLimit):
		w.conn.expel(closeViolation, "frame too large")
	case errors.As(err, &broken), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
	default:
		w.conn.expel(closeViolation, "malformed frame")
	}
}

func wireOf(ms *melody.Session) *wire {
	return ms.WebsocketConnection().NetConn().(*wire) //nolint:forcetypeassert // handover gave it
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

// A handover is how a connection passes from the server to a session: the
// ResponseWriter that melody sees. It gives the connection away wrapped, and
// keeps a refusal for the handler to answer with.
type handover struct {
	conn   *conn
	wire   *wire
	status int   // of a refusal
	err    error // its reason

	// Until the handler may return: a session must not keep any of them alive.
	request *http.Request
	writer  http.ResponseWriter
	header  http.Header
	done    chan struct{} // closed when the handler may return
}

func newHandover(w http.ResponseWriter, r *http.Request, c *conn) *handover {
	return &handover{conn: c, request: r, writer: w, header: w.Header().Clone(), done: make(chan struct{})}
}

func (h *handover) Header() http.Header         { return h.header }
func (h *handover) WriteHeader(status int)      { h.status = status }
func (h *handover) Write(p []byte) (int, error) { return len(p), nil }

// Hijack takes the connection from the server. The handler may return then, and
// with it go the server's buffers and the goroutine that served the request.
func (h *handover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	taken, rw, err := http.NewResponseController(h.writer).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.wire = newWire(taken, h.conn)
	h.conn.link = h.wire
	h.letGo()
	return h.wire, rw, nil
}

func (h *handover) letGo() {
	close(h.done)
	h.request, h.writer, h.header, h.done = nil, nil, nil, nil
}
