package conn

import (
	"bufio"
	"net"
	"net/http"
)

// A handover passes a network connection from the server to a Conn. It is the
// ResponseWriter that melody gets: it wraps the hijacked connection in a Socket,
// and keeps the status of a refusal for the handler.
type handover struct {
	conn   *Conn
	socket *Socket
	status int   // of a refusal
	err    error // reason of the refusal

	// Set only until the handler may return: melody must not keep them alive.
	request *http.Request
	writer  http.ResponseWriter
	header  http.Header
	done    chan struct{} // closed when the handler may return
}

func newHandover(w http.ResponseWriter, r *http.Request, c *Conn) *handover {
	return &handover{conn: c, request: r, writer: w, header: w.Header().Clone(), done: make(chan struct{})}
}

func (h *handover) Header() http.Header { return h.header }

func (h *handover) WriteHeader(status int) { h.status = status }

func (h *handover) Write(p []byte) (int, error) { return len(p), nil }

// Hijack takes the connection from the server. Then the handler may return, which
// frees the server's buffers and the goroutine of the request.
func (h *handover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	taken, rw, err := http.NewResponseController(h.writer).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.socket = newSocket(taken, h.conn)
	h.conn.SetTransport(h.socket)
	h.release()
	return h.socket, rw, nil
}

// release lets the handler return, and drops everything that belongs to the
// request.
func (h *handover) release() {
	close(h.done)
	h.request, h.writer, h.header, h.done = nil, nil, nil, nil
}

// upgradeRequest returns a request with what the handshake needs and nothing
// else: melody keeps it in memory for as long as the connection lives.
func upgradeRequest(r *http.Request) *http.Request {
	header := make(http.Header, 5) // and run may add the offer of compression
	for _, key := range []string{"Connection", "Upgrade", "Sec-Websocket-Version", "Sec-Websocket-Key"} {
		if v := r.Header[key]; v != nil {
			header[key] = v
		}
	}
	return &http.Request{Method: r.Method, Host: r.Host, Header: header}
}
