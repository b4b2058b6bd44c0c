package modeltest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/memnet"
)

// Local is how nodes start in the process of the test.
type Local struct {
	// Start starts the application.
	Start func(Config) (*App, error)

	// Network is "memory", "tcp" or "tls".
	Network string

	// Log opens the log of a node that starts, and returns how to close it.
	// Default: the embedded log, with StateFile, which a crash removes.
	Log func() (log broker.Broker, closer func() error, err error)

	// StateFile is where the embedded log survives a planned end.
	StateFile string

	opened int // nodes so far; World opens one at a time
}

// A Config is what differs in the plugin's Config between nodes. Either Broker or
// StateFile is set.
type Config struct {
	Broker    broker.Broker
	StateFile string
	Drain     time.Duration
}

// An App is the application on one node.
type App struct {
	Plugin
	Routes http.Handler  // see the function Routes
	Log    broker.Broker // the embedded one, if the plugin has it
}

// localNode is a node in the process of the test.
type localNode struct {
	*App
	local    *Local
	server   *http.Server
	served   chan error
	follower *follower
	close    func() error // of its log
}

// Open starts a node: a World's Open.
func (l *Local) Open(w *World, _ int) (*Node, error) {
	n := &localNode{local: l, served: make(chan error, 1), close: func() error { return nil }}
	l.opened++
	drain := w.chance(10_000+l.opened).IntN(400) - 100 // a quarter of the nodes close all sessions at once
	config := Config{StateFile: l.StateFile, Drain: time.Duration(max(0, drain)) * time.Millisecond}
	if l.Log != nil {
		log, closer, err := l.Log()
		if err != nil {
			return nil, err
		}
		config.Broker, n.close = w.Record(log), closer
	}
	app, err := l.Start(config)
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	n.App = app
	listener, node, err := l.listen()
	if err != nil {
		return nil, errors.Join(err, app.Shutdown(context.Background()), n.close())
	}
	n.server = &http.Server{Handler: app.Routes, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { n.served <- n.server.Serve(listener) }()
	if l.Log == nil {
		n.follower = w.followEmbedded(app.Log)
	}
	node.Operator = &http.Client{Transport: direct{app.Routes}}
	node.Stop, node.Crash = n.stop, n.crash
	return node, nil
}

func (n *localNode) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(n.server.Shutdown(ctx), n.Shutdown(ctx), n.end())
}

// crash leaves nothing behind.
func (n *localNode) crash() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.server.Close()
	_ = n.Shutdown(ctx)
	if n.local.StateFile != "" {
		_ = os.Remove(n.local.StateFile)
	}
	_ = n.end()
}

func (n *localNode) end() error {
	<-n.served
	if n.follower != nil {
		n.follower.end()
	}
	return n.close()
}

// listen returns a listener, and the node that is reached through it.
func (l *Local) listen() (net.Listener, *Node, error) {
	if l.Network == "memory" {
		listener := memnet.Listen()
		transport := &http.Transport{DialContext: listener.Dial, DisableKeepAlives: true}
		return listener, &Node{Scheme: "http", Dial: listener.Dial, Client: &http.Client{Transport: transport}}, nil
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, tcp.Addr().String())
		if c, ok := conn.(*net.TCPConn); ok {
			_ = c.SetReadBuffer(16 << 10)
		}
		return conn, err
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	node := &Node{Scheme: "http", Dial: dial, Client: &http.Client{Transport: transport}}
	if l.Network != "tls" {
		return smallBuffers{tcp}, node, nil
	}
	s := httptest.NewUnstartedServer(nil) // for its certificate
	s.StartTLS()
	certificates := s.TLS.Certificates
	s.Close()
	node.Scheme, transport.TLSClientConfig = "https", &tls.Config{InsecureSkipVerify: true}
	return tls.NewListener(smallBuffers{tcp}, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12}), node, nil
}

// direct calls the handler of a node without a network.
type direct struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// smallBuffers make partial writes to a socket more likely.
type smallBuffers struct{ net.Listener }

// Accept implements net.Listener.
func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetWriteBuffer(32 << 10)
	}
	return conn, err
}

// A follower records the embedded log of a node.
type follower struct {
	log    broker.Broker
	mark   []byte // identifies the end of the log
	cancel context.CancelFunc
	caught chan struct{} // closed once the log was read to its end
	ended  chan struct{}
}

const sentinel = "sentinel "

func (w *World) followEmbedded(embedded broker.Broker) *follower {
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{
		log: embedded, mark: strconv.AppendUint([]byte(sentinel), w.number.Add(1), 10),
		cancel: cancel, caught: make(chan struct{}), ended: make(chan struct{}),
	}
	go func() {
		defer close(f.ended)
		_ = embedded.Subscribe(ctx, time.Hour, func(epoch string, offset uint64, raw []byte) {
			switch {
			case bytes.Equal(raw, f.mark):
				close(f.caught)
			case !bytes.HasPrefix(raw, []byte(sentinel)):
				w.log.add(epoch, offset, raw)
			}
		})
	}()
	return f
}

// end waits until the log was read to its end.
func (f *follower) end() {
	_ = f.log.Publish(context.Background(), f.mark)
	<-f.caught
	f.cancel()
	<-f.ended
}
