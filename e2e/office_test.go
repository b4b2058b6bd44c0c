package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// An office is a site with an inspector that has much to show: three nodes that share a
// log, and many users, of whom most are connected.
type office struct {
	*site
	nodes []*pull.Plugin // the site's own first
}

const officeUsers = 40

func newOffice(t *testing.T) *office {
	t.Helper()
	shared := new(pull.Memory)
	configure := func(c *pull.Config) {
		c.Broker, c.Secret = shared, []byte("a secret for the grants of the office")
		c.InspectParams = true
	}
	o := &office{site: newSite(t, configure)}
	o.nodes = append(o.nodes, o.current())
	for range 2 {
		config := pull.Config{User: visitor, Logger: o.config.Logger}
		configure(&config)
		node, err := pull.New(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := node.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		})
		node.Mount(o.echo.Group(fmt.Sprintf("/node%d/pull", len(o.nodes))))
		o.nodes = append(o.nodes, node)
	}
	for _, node := range o.nodes {
		for _, id := range []string{"tasks", "orders", "chat"} {
			if err := node.Register(pull.Module{ID: id}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return o
}

// connect connects a page of a user that is not in a browser to a node, and reads what
// comes.
func (o *office) connect(node int, user, query string) {
	o.t.Helper()
	conn := o.dial(node, user, query)
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	})
	o.t.Cleanup(func() {
		_ = conn.Close()
		reading.Wait()
	})
}

// dial connects a page of a user that is not in a browser to a node.
func (o *office) dial(node int, user, query string) *websocket.Conn {
	o.t.Helper()
	at := "ws" + strings.TrimPrefix(o.url, "http")
	if node > 0 {
		at += fmt.Sprintf("/node%d", node)
	}
	header := http.Header{"Cookie": {"name=" + url.QueryEscape(user)}, "Origin": {o.url}}
	conn, response, err := websocket.DefaultDialer.DialContext(o.t.Context(), at+"/pull?protocol=2&client=page-of-"+url.QueryEscape(user)+query, header)
	if err != nil {
		o.t.Fatal(err)
	}
	_ = response.Body.Close()
	return conn
}

// opens lets the users come, and has them in trouble: one is notified of a gap, one is
// cut, and some requests are refused.
func (o *office) opens() {
	o.t.Helper()
	for n := 1; n <= officeUsers; n++ {
		if err := o.nodes[n%3].Watch().Add(strconv.Itoa(n), fmt.Sprintf("PROJECT_%d", n%5)); err != nil {
			o.t.Fatal(err)
		}
	}
	for n := 1; n <= officeUsers; n++ {
		o.connect(n%3, strconv.Itoa(n), "")
	}
	o.connect(0, "7", "&cursor=k3f2x7ab.57") // of another log: a gap
	rude := o.dial(0, "13", "")
	if err := rude.WriteMessage(websocket.TextMessage, []byte("hello?")); err != nil {
		o.t.Fatal(err)
	}
	for {
		if _, _, err := rude.ReadMessage(); err != nil {
			break
		}
	}
	for range 3 {
		r, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, o.url+"/pull?protocol=2", nil)
		if err != nil {
			o.t.Fatal(err)
		}
		r.Header.Set("Origin", "https://elsewhere.example")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			o.t.Fatal(err)
		}
		_ = response.Body.Close()
	}
}

// works sends the n-th handful of events.
func (o *office) works(n int) {
	o.t.Helper()
	node := o.nodes[n%3]
	for _, e := range []struct {
		to      pull.Target
		module  string
		command string
	}{
		{pull.Tag(fmt.Sprintf("PROJECT_%d", n%5)), "tasks", "update"},
		{pull.User(strconv.Itoa(1 + n%officeUsers)), "chat", "message"},
		{pull.Tag("WAREHOUSE").Or(pull.User("1")), "orders", "paid"},
		{pull.Shared().Except("42"), "chat", "typing"},
	}[:1+n%4] {
		if err := node.Send(o.t.Context(), e.to, pull.Event{Module: e.module, Command: e.command, Params: map[string]int{"id": n}}); err != nil {
			o.t.Fatal(err)
		}
	}
}

// unwatches sends an event to the watchers of a tag just after a user has ceased to be one.
func (o *office) unwatches(user, tag string) {
	o.t.Helper()
	watches := o.current().Watch()
	for _, err := range []error{
		watches.Add(user, tag),
		watches.Delete(user, tag),
		o.current().Send(o.t.Context(), pull.Tag(tag), pull.Event{Module: "tasks", Command: "update"}),
	} {
		if err != nil {
			o.t.Fatal(err)
		}
	}
}

// worksFor sends events for a while: more and more of them, and then few again.
func (o *office) worksFor(d time.Duration) {
	o.t.Helper()
	next := time.NewTicker(100 * time.Millisecond)
	defer next.Stop()
	end := time.Now().Add(d)
	for n := 0; time.Now().Before(end); {
		<-next.C
		for range rand.IntN(2 + n/400%4) {
			o.works(n)
			n++
		}
	}
}
