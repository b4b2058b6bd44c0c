package cluster_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/cluster/engines"
	"github.com/echo-pull/pull/internal/memnet"
	"github.com/echo-pull/pull/internal/modeltest"
)

// own is an event of which users get params of their own.
var own = pull.Event{
	Module: "tasks", Command: "saved", Params: map[string]int{"id": 7}, Extra: map[string]any{"trace": "t"},
	PerUser: map[string]any{"1": map[string]string{"mine": "of 1"}, "2": map[string]string{"mine": "of 2"}},
}

// mineOf is what each user gets of own, besides its params.
var mineOf = map[string]any{"1": "of 1", "2": "of 2", "3": nil}

// getsOwn fails unless the next event of a page is own, as its user gets it.
func (p *tab) getsOwn(t *testing.T, user string) {
	t.Helper()
	a, text := p.arrival(t)
	if a.Name != "tasks:saved" || a.Params["id"] != 7.0 || a.Params["mine"] != mineOf[user] || a.Extra["trace"] != "t" || len(a.Params) > 2 {
		t.Errorf("a page of user %s got %s", user, text)
	}
}

// connectUsers connects a page of each user, at a position of the log.
func (p *process) connectUsers(t *testing.T, cursor string) map[string]*tab {
	t.Helper()
	pages := make(map[string]*tab)
	for user := range mineOf {
		pages[user] = p.connect(t, "cursor="+cursor, login(user, "of "+user))
	}
	return pages
}

// at returns where the page is in the log after its hello.
func (p *tab) at() string { return fmt.Sprintf("%s.%d", p.hello.Params.Epoch, p.hello.Params.Offset) }

// What one user gets besides the params of an event reaches no other user, live or
// replayed, at any node.
func TestOwnParamsReachTheirUserAtEachNode(t *testing.T) {
	const body = `{"target":{"shared":true},"event":{"module":"tasks","command":"saved","params":{"id":7},` +
		`"perUser":{"1":{"mine":"of 1"},"2":{"mine":"of 2"}},"extra":{"trace":"t"}}}`
	eachEngine(t, 2, func(t *testing.T, e engines.Engine, s *engines.Server, nodes []*process) {
		pages := []map[string]*tab{nodes[0].connectUsers(t, ""), nodes[1].connectUsers(t, "")}
		cursor := pages[0]["1"].at()

		if status, text := nodes[0].post(t, "/events", body, service("application/json", "")); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, text)
		}

		for _, n := range append(nodes, startProcesses(t, e, s.Address, 1)...) {
			pages = append(pages, n.connectUsers(t, cursor))
		}
		for _, of := range pages {
			for user, page := range of {
				page.getsOwn(t, user)
			}
		}
	})
}

// The same for an event of a transaction, whether the log is in its database or elsewhere.
func TestOwnParamsOfATransactionReachTheirUserAtEachNode(t *testing.T) {
	t.Parallel()
	redis := engines.Redis()
	for name, create := range ledgers(t) {
		for _, log := range []string{"", redis.Name} {
			t.Run(name+" "+log, func(t *testing.T) {
				t.Parallel()
				l := create(t, "own"+log)
				if l.Engine = log; log != "" {
					l.Address = redis.Start(t, nil).Address
				}
				first, second := l.node(t), l.node(t)
				pages := []map[string]*tab{first.connectUsers(t, ""), second.connectUsers(t, "")}
				cursor := pages[0]["1"].at()

				if status, text := first.post(t, "/own", "", login("1", "")); status != http.StatusNoContent {
					t.Fatalf("status %d: %s", status, text)
				}

				pages = append(pages, second.connectUsers(t, cursor), l.node(t).connectUsers(t, cursor))
				for _, of := range pages {
					for user, page := range of {
						page.getsOwn(t, user)
					}
				}
			})
		}
	}
}

// node starts a node in this process that sends own in a transaction at /own.
func (l ledger) node(t *testing.T) *process {
	t.Helper()
	db, err := sql.Open(l.Driver, l.Source)
	if err != nil {
		t.Fatal(err)
	}
	a, closer, err := l.open(db, countdownFrom(0))
	if err != nil {
		t.Fatal(err)
	}
	a.echo.POST("/own", pull.Handler(a.sendOwn))
	listener := memnet.Listen()
	server := &http.Server{Handler: a.echo, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	transport := &http.Transport{DialContext: listener.Dial}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		transport.CloseIdleConnections()
		if err := errors.Join(server.Close(), a.Shutdown(ctx), closer(), db.Close()); err != nil {
			t.Error(err)
		}
		<-served
	})
	return &process{Node: &modeltest.Node{Dial: listener.Dial, Client: &http.Client{Transport: transport}}}
}

func (a *relayApp) sendOwn(c pull.Context) error {
	tx, err := a.db.BeginTx(c.Request().Context(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // has no effect after Commit
	if err := c.Pull().SendTx(tx, pull.Shared(), own); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
