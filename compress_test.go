package pull_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

func compressing(c *pull.Config) { c.Compress, c.Online = true, pull.OnlineNobody }

// A meter counts the bytes that a page receives.
type meter struct {
	net.Conn
	read atomic.Int64
}

func (c *meter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// take returns the bytes since the last call.
func (c *meter) take() int64 { return c.read.Swap(0) }

// deflating connects a page that offers compression.
func (a *app) deflating(t *testing.T, user, query string) (*page, *meter) {
	t.Helper()
	var wire *meter
	d := websocket.Dialer{EnableCompression: true, NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := a.listener.Dial(ctx, network, address)
		wire = &meter{Conn: c}
		return wire, err
	}}
	conn, response, err := d.DialContext(t.Context(), "ws://app.test/pull"+speaking(query), http.Header{userHeader: {user}})
	if err != nil {
		t.Fatalf("dial: %v %v", err, response)
	}
	return &page{Conn: conn}, wire
}

func TestCompressionIsNegotiatedIfBothSidesWantIt(t *testing.T) {
	for _, tc := range []struct {
		compress bool
		offer    string
		want     string
	}{
		{true, "permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{true, "permessage-deflate; server_max_window_bits=9", ""},
		{true, "", ""},
		{false, "permessage-deflate", ""},
	} {
		t.Run(fmt.Sprintf("Compress %t, offer %q", tc.compress, tc.offer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, func(c *pull.Config) { c.Compress = tc.compress })
				defer a.stop(t)
				conn, err := a.listener.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()

				_, _ = fmt.Fprintf(conn, "GET /pull?protocol=2 HTTP/1.1\r\nHost: app.test\r\n%s: 42\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
					"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Extensions: %s\r\n\r\n", userHeader, tc.offer)
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}

				if got := response.Header.Get("Sec-Websocket-Extensions"); response.StatusCode != http.StatusSwitchingProtocols || got != tc.want {
					t.Errorf("got %d with extensions %q, want 101 with %q", response.StatusCode, got, tc.want)
				}
			})
		})
	}
}

func TestEventIsCompressedForThePagesThatTakeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, compressing)
		defer a.stop(t)
		small, wire := a.deflating(t, "1", "")
		small.hello(t)
		large := a.dial(t, "2", "")
		large.hello(t)
		stream, _ := a.fresh(t, "3")
		wire.take()

		sendEvent(t, a, pull.Shared(), event("update", pad(20<<10)))

		for _, p := range []*page{small, large} {
			if m := p.event(t); len(m.Params["pad"].(string)) != 20<<10 {
				t.Errorf("got %d bytes of params, want 20 KiB", len(m.Params["pad"].(string)))
			}
		}
		stream.sees(t, "update")
		if got := wire.take(); got > 1<<10 {
			t.Errorf("20 KiB of one letter took %d bytes on the wire, want less than 1 KiB", got)
		}
	})
}

// A burst joins events into frames, also with others that a page gets.
func TestBurstOfCompressedEventsArrivesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, compressing)
		defer a.stop(t)
		p, wire := a.deflating(t, "1", "")
		p.hello(t)
		wire.take()
		a.echo.GET("/burst", pull.Handler(func(c pull.Context) error {
			for i := range 60 {
				to := []pull.Target{pull.User("1"), pull.Shared(), pull.User("1", "2")}[i%3]
				e := event(strconv.Itoa(i), pad(40*i))
				e.Secret = i == 50
				if err := c.Pull().Send(to, e); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		}))

		a.get(t, "/burst")

		for i := range 60 {
			if m := p.event(t); m.Command != strconv.Itoa(i) {
				t.Fatalf("event %d is %s", i, m.Command)
			}
		}
		if got := wire.take(); got > 40<<10 {
			t.Errorf("got %d bytes on the wire, want far less than 70 KiB", got)
		}
	})
}

// secret returns an event of 20 KiB, which would compress to less than 200 bytes.
func secret() pull.Event {
	e := event("secret", pad(20<<10))
	e.Secret = true
	return e
}

// seesSecret reads up to the next secret event, which must have taken its whole size on
// the wire.
func (p *page) seesSecret(t *testing.T, wire *meter) {
	t.Helper()
	for p.event(t).Command != "secret" { // what it came with
	}
	if got := wire.take(); got < 20<<10 {
		t.Errorf("got %d bytes on the wire, want the 20 KiB of the event", got)
	}
}

func TestSecretEventIsNeverCompressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, compressing)
		defer a.stop(t)
		a.echo.GET("/three", pull.Handler(func(c pull.Context) error {
			for _, e := range []pull.Event{event("a", pad(2<<10)), secret(), event("b", pad(2<<10))} {
				if err := c.Pull().Send(pull.User("1"), e); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		}))
		p, wire := a.deflating(t, "1", "")
		p.hello(t)

		sendEvent(t, a, pull.User("1"), secret())
		p.seesSecret(t, wire)
		a.get(t, "/three")
		p.seesSecret(t, wire)
	})
}

// Another node does not even compress by itself.
func TestSecretEventOfAnotherNodeIsNeverCompressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(pull.Memory)
		sender := newApp(t, func(c *pull.Config) { c.Broker = log })
		defer sender.stop(t)
		a := newApp(t, func(c *pull.Config) { compressing(c); c.Broker = log })
		defer a.stop(t)
		p, wire := a.deflating(t, "1", "")
		at := cursorAt(p.hello(t))

		sendEvent(t, sender, pull.User("1"), secret())

		p.seesSecret(t, wire)
		back, wire := a.deflating(t, "1", "?cursor="+at)
		back.seesSecret(t, wire)
	})
}

// The hub takes such an event from its window.
func TestSecretEventThatOvertookAGrantIsNeverCompressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { compressing(c); c.Broker = f })
		b := f.node(t)
		defer b.stop(t)
		defer a.stop(t)
		a.withPage("T")
		synctest.Wait()
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		at := a.rendered(t, "1")
		synctest.Wait() // the grant is being published
		f.set(func(f *faults) { f.hold = nil })
		sendEvent(t, b, pull.Tag("T"), secret())
		p, wire := a.deflating(t, "1", "?cursor="+at)
		p.hello(t)

		close(hold)

		p.seesSecret(t, wire)
	})
}

func TestClientsCompressedFramesHaveTheLimitsOfOthers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		frames [][]byte
		reason string
	}{
		{"15 MiB in 16 KiB", [][]byte{deflatedFrame(0xC1, make([]byte, 15<<20))}, "frame too large"},
		{"a byte too large", [][]byte{deflatedFrame(0xC1, []byte(strings.Repeat(" ", 16<<10+1)))}, "frame too large"},
		{"16 KiB of spaces", [][]byte{deflatedFrame(0xC1, []byte(strings.Repeat(" ", 16<<10)))}, "malformed request"},
		{"more than 16 KiB compressed", [][]byte{clientFrame(0xC1, make([]byte, 16<<10+1))}, "frame too large"},
		{"too large, not compressed", [][]byte{clientFrame(0x81, make([]byte, 16<<10+1))}, "frame too large"},
		{"not deflate", [][]byte{clientFrame(0xC1, []byte("\xff\xff\xff\xff"))}, "malformed frame"},
		{"deflate that ends in a block", [][]byte{clientFrame(0xC1, []byte("\x00\x64\x00\x9b\xff{}"))}, "malformed frame"},
		{"binary", [][]byte{deflatedFrame(0xC2, []byte(`{"extend":["x"]}`))}, "binary frame"},
		{"too fast", [][]byte{bytes.Repeat(deflatedFrame(0xC1, []byte(`{"extend":["x"]}`)), 30)}, "too fast"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, compressing)
				defer a.stop(t)
				p, _ := a.deflating(t, "42", "")
				p.hello(t)
				_ = p.SetReadDeadline(time.Now().Add(time.Minute))

				go func() { _, _ = p.NetConn().Write(bytes.Join(tc.frames, nil)) }()

				if code, reason := p.closed(t); code != websocket.ClosePolicyViolation || reason != tc.reason {
					t.Errorf("closed with %d %q, want 1008 %q", code, reason, tc.reason)
				}
			})
		})
	}
}

func TestRequestsPingsAndClosesOfACompressingClientAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, compressing)
		defer a.stop(t)
		p, _ := a.deflating(t, "42", "")
		p.hello(t)
		pong := make(chan string, 1)
		p.SetPongHandler(func(payload string) error { pong <- payload; return nil })

		for _, frame := range [][]byte{clientFrame(0x89, []byte("are you there")), deflatedFrame(0xC1, []byte(`{"extend":["x"]}`))} {
			if _, err := p.NetConn().Write(frame); err != nil {
				t.Fatal(err)
			}
		}
		if m := p.control(t); m.Command != "watch" || m.Params["x"] != false {
			t.Errorf("got %+v, want the response to extend", m)
		}
		if got := <-pong; got != "are you there" {
			t.Errorf("pong %q, want the payload of the ping", got)
		}
		_ = p.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
		if code, _ := p.closed(t); code != websocket.CloseNormalClosure {
			t.Errorf("closed with %d, want 1000", code)
		}
	})
}

func TestSilentCompressingPageIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, compressing)
		defer a.stop(t)
		p, _ := a.deflating(t, "42", "")
		p.SetPingHandler(func(string) error { return nil }) // never answer
		start := time.Now()

		p.drain()

		if got := time.Since(start); got != time.Minute {
			t.Errorf("dropped after %s, want 1m0s", got)
		}
		lively, _ := a.deflating(t, "42", "")
		ended := make(chan struct{})
		go func() { lively.drain(); close(ended) }()
		select {
		case <-ended:
			t.Error("a page that responds to pings was dropped")
		case <-time.After(10 * time.Minute):
		}
	})
}

// deflatedFrame returns a compressed frame of a client.
func deflatedFrame(first byte, message []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write(message)
	_ = w.Flush()
	return clientFrame(first, bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")))
}

// clientFrame returns a frame of a client, masked with zeros.
func clientFrame(first byte, payload []byte) []byte {
	frame := []byte{first, 0x80 | byte(len(payload))}
	if len(payload) > 125 {
		frame = binary.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(len(payload))) // no test has more than 64 KiB
	}
	return append(append(frame, 0, 0, 0, 0), payload...)
}

// incompressible returns params of 16 KiB that compress to half of it.
func incompressible() map[string]any {
	noise := make([]byte, 8<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	return map[string]any{"pad": hex.EncodeToString(noise)}
}

func TestSlowReaderOfCompressedFramesIsCutAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { compressing(c); c.QueueBytes = 64 << 10 })
		defer a.stop(t)
		slow, _ := a.deflating(t, "1", "")
		at := cursorAt(slow.hello(t))
		for i := range 40 {
			sendEvent(t, a, pull.User("1"), event(strconv.Itoa(i), incompressible()))
			synctest.Wait()
		}

		got, err := slow.countUp(40)

		if !websocket.IsCloseError(err, 4001) || a.Stats().Cut != 1 {
			t.Errorf("got %d events and %v, want close 4001 after some", got, err)
		}
		back, _ := a.deflating(t, "1", "?cursor="+at)
		if got, err := back.countUp(40); got != 40 {
			t.Errorf("after it has returned: got %d of 40 events in order, and then %v", got, err)
		}
	})
}

// The socket takes a part of a compressed frame, and the rest follows.
func TestSlowReaderOfCompressedFramesOnARealSocketGetsThemAll(t *testing.T) {
	a := newApp(t, func(c *pull.Config) { compressing(c); c.QueueBytes = 64 << 20 })
	defer a.stop(t)
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: a.echo, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(narrow{l}) }()
	defer func() { _ = server.Close() }()
	d := websocket.Dialer{EnableCompression: true}
	conn, response, err := d.Dial("ws://"+l.Addr().String()+"/pull?protocol=2", http.Header{userHeader: {"1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = response.Body.Close()
	p := &page{Conn: conn}
	p.hello(t)
	const events = 300
	for i := range events { // more than the sockets hold
		sendEvent(t, a, pull.Shared(), event(strconv.Itoa(i), incompressible()))
	}

	if got, err := p.countUp(events); got != events {
		t.Errorf("got %d of %d events in order, and then %v", got, events, err)
	}
}

// A narrow listener accepts connections that take little at once.
type narrow struct{ *net.TCPListener }

func (l narrow) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return c, c.SetWriteBuffer(4 << 10)
}

// countUp reads events, whose commands count from 0, until there are as many or the
// connection ends. It returns how many came in order.
func (p *page) countUp(events int) (got int, err error) {
	for got < events {
		_, frame, err := p.ReadMessage()
		var messages []message
		if err == nil {
			err = json.Unmarshal(frame, &messages)
		}
		if err != nil {
			return got, err
		}
		for _, m := range messages {
			if m.ID > 0 && m.Command != strconv.Itoa(got) {
				return got, fmt.Errorf("then came %s", m.Command)
			}
			if m.ID > 0 {
				got++
			}
		}
	}
	return got, nil
}
