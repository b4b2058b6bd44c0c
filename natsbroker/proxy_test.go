package natsbroker_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A proxy is the network between a node and a server.
type proxy struct {
	listener net.Listener
	target   string
	delay    atomic.Int64 // what each piece of data takes longer at most
	running  sync.WaitGroup

	mu    sync.Mutex // guards what follows
	dead  bool       // data is swallowed, and connections stay open
	conns map[net.Conn]bool
}

func newProxy(t testing.TB, s *server) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: fmt.Sprintf("127.0.0.1:%d", s.settings.Port), conns: make(map[net.Conn]bool)}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		node, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = node.Close()
			continue
		}
		p.mu.Lock()
		p.conns[node], p.conns[server] = true, true
		p.mu.Unlock()
		p.running.Go(func() { p.pipe(node, server) })
		p.running.Go(func() { p.pipe(server, node) })
	}
}

func (p *proxy) pipe(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if most := p.delay.Load(); most > 0 {
			<-time.After(time.Duration(rand.Int64N(most)))
		}
		p.mu.Lock()
		dead := p.dead
		p.mu.Unlock()
		if dead {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// swallow has the network lose everything, and tell nobody. mend cuts the
// connections, as the operating system does in the end.
func (p *proxy) swallow() (mend func()) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.dead = true
	return func() {
		p.mu.Lock()
		p.dead = false
		p.mu.Unlock()
		p.cut()
	}
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()

	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}
