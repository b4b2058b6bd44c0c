package pull_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/modeltest"
)

var (
	modelSeed = flag.Uint64("seed", 0, "seed of the model test; or PULL_SEED. Default: another one each time")
	modelLong = flag.Duration("model.long", 2*time.Second, "how long each world of the model test lives")
)

// TestModel runs pages of many users through restarts, crashes, cuts and broken
// connections while events are published at full speed. Then it compares what each
// page received with the log: every event exactly once and in order, or a gap of
// which the page was notified.
func TestModel(t *testing.T) {
	seed := *modelSeed
	if s, err := strconv.ParseUint(os.Getenv("PULL_SEED"), 10, 64); err == nil {
		seed = s
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	for _, world := range []struct {
		name, network string
		pages         int
		cluster       bool
	}{
		{name: "memory", network: "memory", pages: 40},
		{name: "TCP", network: "tcp", pages: 40},
		{name: "TLS", network: "tls", pages: 40},
		{name: "crowd", network: "tcp", pages: 200}, // so many that the dispatcher shares its work
		{name: "cluster", network: "tcp", pages: 40, cluster: true},
	} {
		t.Run(world.name, func(t *testing.T) {
			t.Logf("replay with -run 'TestModel/%s' -seed %d", world.name, seed)
			local := modeltest.Local{Start: startModel, Network: world.network}
			w := modeltest.World{Open: local.Open, Pages: world.pages, Duration: *modelLong, Seed: seed, Sessions: true}
			if world.cluster {
				shared := newFaults()
				local.Log = func() (pull.Broker, func() error, error) { return shared, func() error { return nil }, nil }
				w.Nodes, w.Faults = 2, shared.ofModel()
			} else {
				local.StateFile, w.CrashesLose = filepath.Join(t.TempDir(), "state"), true
			}
			w.Live(t)
		})
	}
}

// A test that compares nothing would pass, too: what the plugin loses, or delivers
// to others, must be reported.
func TestModelNoticesWhatThePluginLoses(t *testing.T) {
	shared := new(pull.Memory)
	local := modeltest.Local{
		Start:   func(c modeltest.Config) (*modeltest.App, error) { c.Broker = forgetful{c.Broker}; return startModel(c) },
		Network: "memory",
		Log:     func() (pull.Broker, func() error, error) { return shared, func() error { return nil }, nil },
	}
	w := modeltest.World{Open: local.Open, Crashes: -1, Duration: 300 * time.Millisecond, Seed: 1}
	expected := &mistakes{TB: t}

	w.Live(expected)

	if !expected.contain("did not see") {
		t.Errorf("the model reported %q, want that pages did not see events", expected.list)
	}
}

// forgetful is a log of which the plugin cannot read every tenth message.
type forgetful struct{ pull.Broker }

func (f forgetful) Subscribe(ctx context.Context, window time.Duration, deliver func(epoch string, offset uint64, message []byte)) error {
	return f.Broker.Subscribe(ctx, window, func(epoch string, offset uint64, message []byte) {
		if offset%10 == 0 {
			message = []byte("foreign")
		}
		deliver(epoch, offset, message)
	})
}

// mistakes collects what a test reports.
type mistakes struct {
	testing.TB
	mu   sync.Mutex // guards list
	list []string
}

func (m *mistakes) Errorf(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.list = append(m.list, fmt.Sprintf(format, args...))
}

func (m *mistakes) Error(args ...any) { m.Errorf("%s", fmt.Sprint(args...)) }

func (m *mistakes) contain(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()

	return slices.ContainsFunc(m.list, func(mistake string) bool { return strings.Contains(mistake, text) })
}

// ofModel returns the faults that lose nothing.
func (f *faults) ofModel() []modeltest.Fault {
	return []modeltest.Fault{
		{Name: "lost acknowledgements", Happen: func(r *rand.Rand) error {
			f.set(func(f *faults) { f.acks = 1 + r.IntN(2) })
			return nil
		}},
		{Name: "interrupted subscriptions", Happen: func(*rand.Rand) error {
			f.interrupt()
			return nil
		}},
	}
}

// startModel starts a node of the model.
func startModel(config modeltest.Config) (*modeltest.App, error) {
	var secret []byte // the embedded log has its own
	if config.Broker != nil {
		secret = []byte("the secret that all nodes have in common")
	}
	p, err := pull.New(pull.Config{
		Session: func(c echo.Context) (pull.Session, error) {
			h := c.Request().Header
			return pull.Session{User: h.Get(modeltest.UserHeader), ID: h.Get(modeltest.SessionHeader), Until: time.Now().Add(time.Hour)}, nil
		},
		Broker: config.Broker, StateFile: config.StateFile, Secret: secret, Drain: config.Drain,
		Guests: true, Compress: true, EventBytes: 24 << 10, QueueBytes: 64 << 10, Tick: 200 * time.Millisecond,
		PresenceGrace: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	if err := p.Register(modeltest.Module()); err != nil {
		return nil, err
	}
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	e.POST("/send", pull.Handler(func(c pull.Context) error {
		if err := modeltest.Send(c.Pull(), c.Request()); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}))
	e.GET("/page", func(c echo.Context) error {
		content, err := modeltest.Page(pull.From(c.Request().Context()), c.Request(), func(tags ...string) (string, error) { return p.Grant(c, tags...) })
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, content)
	})
	return &modeltest.App{Plugin: p, Routes: modeltest.Routes(p, e), Log: p.Log()}, nil
}
