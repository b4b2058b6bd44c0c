package pull_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/memnet"
)

// A modelNode is one process of the application.
type modelNode struct {
	*pull.Plugin
	number int
	server *http.Server
	served chan error
	dial   func(context.Context, string, string) (net.Conn, error)
	client *http.Client
	scheme string
	record context.CancelFunc
	caught chan struct{} // closed once the log was read to its end
	mark   string        // identifies that end
}

func (w *world) open(number int) *modelNode {
	config := pull.Config{
		User:   func(c echo.Context) (string, error) { return c.Request().Header.Get(userHeader), nil },
		Guests: true, EventBytes: 24 << 10, QueueBytes: 64 << 10, Tick: 200 * time.Millisecond,
		PresenceGrace: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	}
	if w.faults != nil {
		config.Broker = w.faults
	} else {
		config.StateFile = w.file
	}
	p, err := pull.New(config)
	if err != nil {
		w.t.Fatalf("New: %v", err)
	}
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		w.t.Fatal(err)
	}
	n := &modelNode{Plugin: p, number: number, served: make(chan error, 1), scheme: "http", mark: strconv.FormatUint(w.number.Add(1), 10)}
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	e.POST("/send", pull.Handler(w.send))
	e.GET("/page", pull.Handler(func(c pull.Context) error {
		if tag := c.QueryParam("watch"); tag != "" {
			if err := c.Pull().Watch(tag); err != nil {
				return err
			}
		}
		return c.String(http.StatusOK, c.Pull().Cursor())
	}))
	n.server = &http.Server{Handler: e, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	w.listen(n)
	w.follow(n)
	return n
}

func (w *world) listen(n *modelNode) {
	if w.network == "memory" {
		l := memnet.Listen()
		n.dial = l.Dial
		n.client = &http.Client{Transport: &http.Transport{DialContext: n.dial, DisableKeepAlives: true}}
		go func() { n.served <- n.server.Serve(l) }()
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	var insecure *tls.Config
	if l = (smallBuffers{l}); w.network == "tls" {
		s := httptest.NewUnstartedServer(nil) // for its certificate
		s.StartTLS()
		certificate := s.TLS.Certificates
		s.Close()
		l = tls.NewListener(l, &tls.Config{Certificates: certificate, MinVersion: tls.VersionTLS12})
		insecure = &tls.Config{InsecureSkipVerify: true}
		n.scheme = "https"
	}
	n.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, l.Addr().String())
		if err == nil {
			_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		}
		return conn, err
	}
	n.client = &http.Client{Transport: &http.Transport{DialContext: n.dial, DisableKeepAlives: true, TLSClientConfig: insecure}}
	go func() { n.served <- n.server.Serve(l) }()
}

// smallBuffers make partial writes to a socket more likely.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		_ = conn.(*net.TCPConn).SetWriteBuffer(32 << 10)
	}
	return conn, err
}

// close ends a node: as planned, or like a crash that leaves nothing behind.
func (w *world) close(n *modelNode, crash bool) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if crash {
		cancel()
		_ = n.server.Close()
		_ = n.Shutdown(ctx)
		_ = os.Remove(w.file)
	} else {
		if err := n.server.Shutdown(ctx); err != nil {
			w.t.Errorf("shutdown of the server: %v", err)
		}
		if err := n.Shutdown(ctx); err != nil {
			w.t.Errorf("shutdown of the plugin: %v", err)
		}
	}
	<-n.served
	if took := time.Since(began); took > 15*time.Second {
		w.t.Errorf("shutdown took %s", took)
	}
	n.client.CloseIdleConnections()
	_ = n.Log().Publish(context.Background(), []byte(sentinel+n.mark))
	<-n.caught
	n.record()
}
