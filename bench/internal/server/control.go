// Package server runs one peer in this process and lets the driver control it
// over HTTP.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/echo-pull/pull/bench/internal/peer"
	"github.com/echo-pull/pull/bench/internal/wire"
)

// Options define where and how a peer is served.
type Options struct {
	Addr       string       // for clients
	SendBuffer int          // of each socket, in bytes; 0 leaves it to the kernel
	Peer       peer.Options // for the peer
	Out        io.Writer    // receives one line of JSON, a wire.Ready
}

// Serve runs the peer until ctx is done. It prints its line once both addresses
// accept connections.
func Serve(ctx context.Context, kind peer.Kind, o Options) error {
	runs, err := kind.New(o.Peer)
	if err != nil {
		return fmt.Errorf("%s: %w", kind.Name, err)
	}
	defer runs.Close()

	listen := net.ListenConfig{Control: o.socket}
	clients, err := listen.Listen(ctx, "tcp", o.Addr)
	if err != nil {
		return err
	}
	driver, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c := &control{kind: kind, pacer: pacer{peer: runs}}
	ready := wire.Ready{Addr: clients.Addr().String(), Control: driver.Addr().String(), Dialect: kind.Dialect}
	if err := json.NewEncoder(o.Out).Encode(ready); err != nil {
		return err
	}
	return serveBoth(ctx, serving{clients, runs}, serving{driver, c.routes()})
}

// socket sets up a listening socket; accepted connections inherit the options.
func (o Options) socket(_, _ string, raw syscall.RawConn) error {
	if o.SendBuffer == 0 {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, o.SendBuffer)
	})
	return errors.Join(err, failed)
}

type serving struct {
	on      net.Listener
	handler http.Handler
}

// serveBoth serves until ctx is done or one of the two servers fails.
func serveBoth(ctx context.Context, both ...serving) error {
	failed := make(chan error, len(both))
	for _, s := range both {
		server := &http.Server{Handler: s.handler, ReadHeaderTimeout: time.Minute}
		defer server.Close() //nolint:errcheck // the process ends
		go func() { failed <- server.Serve(s.on) }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// control handles the driver's requests.
type control struct {
	kind peer.Kind

	mu    sync.Mutex // guards pacer: one job runs at a time
	pacer pacer
}

func (c *control) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /publish", c.publish)
	mux.HandleFunc("GET /reports", c.reports)
	mux.HandleFunc("GET /stats", c.stats)
	mux.HandleFunc("POST /profile", c.profile)
	mux.HandleFunc("POST /gc", func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		runtime.GC() // pools release their contents after two cycles
		debug.FreeOSMemory()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (c *control) publish(w http.ResponseWriter, r *http.Request) {
	var job wire.Job
	if err := json.NewDecoder(r.Body).Decode(&job); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	done, err := c.pacer.run(r.Context(), job)
	c.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, done)
}

// reports turns the connection into the stream on which the client reports its
// progress: numbers of eight bytes, little endian.
func (c *control) reports(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()

	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: reports\r\n\r\n")
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	c.pacer.reports = conn
}

// profile starts a CPU profile and writes it to the file named in the query.
// Without a name it stops the running profile.
func (c *control) profile(w http.ResponseWriter, r *http.Request) {
	pprof.StopCPUProfile()
	name := r.FormValue("file")
	if name == "" {
		return
	}
	file, err := os.Create(filepath.Clean(name))
	if err == nil {
		err = pprof.StartCPUProfile(file) // the file is closed when the process ends
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (c *control) stats(w http.ResponseWriter, _ *http.Request) {
	s, err := stats()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.Version = c.kind.Version()
	if p, ok := c.pacer.peer.(interface{ Window() wire.Window }); ok {
		s.Window = p.Window()
	}
	answer(w, s)
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil && !errors.Is(err, http.ErrHandlerTimeout) {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
