package e2e

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// A proxy is in front of several nodes and gives each request to the next one. The
// connections of pages have turns of their own, so that two pages that connect one
// after the other are on different nodes.
type proxy struct {
	url string

	mu    sync.Mutex // guards the fields below
	nodes []string   // their URLs
	turns [2]int     // of connections and of other requests
	at    map[string]string
}

func newProxy(t *testing.T, nodes ...*example) *proxy {
	t.Helper()
	p := &proxy{at: make(map[string]string)}
	p.use(nodes...)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(p.next(r.In))
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), // of nodes that were killed
	})
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// next returns the node that gets a request.
func (p *proxy) next(r *http.Request) *url.URL {
	p.mu.Lock()
	defer p.mu.Unlock()

	kind := 0
	if r.URL.Path != "/pull" {
		kind = 1
	}
	p.turns[kind]++
	node := p.nodes[p.turns[kind]%len(p.nodes)]
	if name, err := r.Cookie("name"); err == nil && kind == 0 {
		p.at[name.Value] = node
	}
	u, _ := url.Parse(node)
	return u
}

// use gives all requests from now on to these nodes.
func (p *proxy) use(nodes ...*example) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodes = p.nodes[:0]
	for _, node := range nodes {
		p.nodes = append(p.nodes, node.url)
	}
}

// nodeOf returns the URL of the node to which a person's page has connected last.
func (p *proxy) nodeOf(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[name]
}
