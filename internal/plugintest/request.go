package plugintest

import (
	"errors"
	"sync"
	"testing"
)

// A Request is a request whose handler is the test itself. A goroutine is in the
// plugin's middleware meanwhile.
type Request struct {
	once  sync.Once
	ended chan error    // what the handler returns
	over  chan struct{} // closed when the middleware has returned
}

var errNotEnded = errors.New("pulltest: the test has not ended the request")

// Begin calls serve, which passes a handler through the plugin's middleware, and
// returns when the middleware has called the handler. A request that the test does
// not end fails at the end of the test.
func Begin(t testing.TB, serve func(handler func() error) error) *Request {
	t.Helper()
	r := &Request{ended: make(chan error, 1), over: make(chan struct{})}
	begun := make(chan struct{})
	go func() {
		defer close(r.over)
		_ = serve(func() error { // the test has the error
			close(begun)
			return <-r.ended
		})
	}()
	select {
	case <-begun:
	case <-r.over:
		t.Fatalf("pulltest: the middleware did not call the handler")
	}
	t.Cleanup(func() { r.End(errNotEnded) })
	return r
}

// End lets the handler return err, and returns when the middleware is done. It
// reports whether this is the first call.
func (r *Request) End(err error) (first bool) {
	r.once.Do(func() {
		first = true
		r.ended <- err
	})
	<-r.over
	return first
}
