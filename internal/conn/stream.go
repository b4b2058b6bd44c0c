package conn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// A Stream is a transport over Server-Sent Events, for networks that break
// WebSockets. As for a Socket, the network connection is taken over from the
// server: a delivery is one write of shared bytes, and the goroutine of the
// request and the buffers of the server are released. The response ends with the
// connection.
type Stream struct {
	link
	conn     *Conn
	sending  atomic.Bool           // the client sends more than maxReceived
	early    uint8                 // how many bytes have come with the request, at most len(received)
	received [maxReceived + 1]byte // by read, which ignores it
}

// maxReceived is how many bytes a client may send on a stream: an empty line,
// which old clients send after a request. More is another request, to which there
// would be no response.
const maxReceived = 2

// NewStream takes the network connection of a response over and makes it the
// transport of c. If it cannot, it returns an error and changes nothing. Over
// HTTP/2, where requests share a connection, it does not try: middleware may have
// a method Hijack that panics there.
func NewStream(w http.ResponseWriter, r *http.Request, c *Conn) (*Stream, error) {
	if r.ProtoMajor > 1 {
		return nil, http.ErrNotSupported
	}
	taken, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	_ = taken.SetDeadline(time.Time{}) // of the server
	early := min(rw.Reader.Buffered(), maxReceived+1)
	s := &Stream{link: newLink(taken), conn: c, early: uint8(early)} //nolint:gosec // small
	c.SetStream(s)
	return s, nil
}

// Begin begins the response to r with the header, and lets the page join. A new
// goroutine then reads the connection and calls Ended of the owner when it is
// over.
func (s *Stream) Begin(r *http.Request, header http.Header) {
	begun := false
	defer func() {
		if !begun {
			s.end()
		}
	}()
	if err := s.WriteAll(responseHead(r, header)); err != nil {
		return
	}
	s.conn.owner.Connected()
	begun = true
	// The reading goroutine calls nothing deep, so that its stack stays small.
	s.conn.owner.Settings().Spawn(s.read)
}

// read waits for the end of the connection.
func (s *Stream) read() {
	defer s.end()
	var broken net.Error
	switch _, err := io.ReadFull(s.Conn, s.received[s.early:]); {
	case err == nil:
		s.sending.Store(true)
		s.conn.CloseNow(Violation, "nothing may be sent on a stream")
		s.discard()
	case errors.As(err, &broken) && broken.Timeout(): // of the kernel: nobody acknowledges what was sent
		s.conn.die(Dead)
	}
}

func (s *Stream) end() {
	s.conn.Cut()
	s.conn.owner.Ended()
}

// Finish ends the response. If the client sends, it has to close the connection
// first: otherwise bytes that are under way would reset the connection, and the
// client would lose the close message.
func (s *Stream) Finish() {
	if !s.sending.Load() || !s.closeWrite() {
		s.Cut()
	}
}

// responseHead returns the status line and the header of a response that ends
// with the connection.
func responseHead(r *http.Request, header http.Header) []byte {
	var head bytes.Buffer
	version := "HTTP/1.1"
	if !r.ProtoAtLeast(1, 1) {
		version = "HTTP/1.0"
	}
	head.WriteString(version + " 200 OK\r\nConnection: close\r\n")
	if _, set := header["Date"]; !set {
		head.WriteString("Date: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n")
	}
	_ = header.WriteSubset(&head, hopByHop) // a buffer returns no error
	head.WriteString("\r\n")
	return head.Bytes()
}

// hopByHop are the fields that describe how a response is transferred, which the
// server would determine itself.
var hopByHop = map[string]bool{ //nolint:gochecknoglobals // a constant
	"Connection": true, "Content-Length": true, "Keep-Alive": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}
