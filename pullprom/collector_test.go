package pullprom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pullprom"
)

// plugin returns a plugin that has sent one event.
func plugin(t *testing.T) *pull.Plugin {
	t.Helper()
	p, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "7", nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Send(t.Context(), pull.Shared(), pull.Event{Module: "tasks", Command: "update"}); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNamesAndUnitsFollowTheConventions(t *testing.T) {
	problems, err := testutil.CollectAndLint(pullprom.NewCollector(plugin(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// The pedantic registry checks that what is collected was described, and consistent.
func TestScrapeReadsThePlugin(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(pullprom.NewCollector(fixed(pull.Stats{
		Transports: map[string]int{"websocket": 3, "sse": 2, "html": 0},
		Messages:   58,
		Node:       "n1", Epoch: "e1",
		LogLag: pull.Histogram{Bounds: []float64{.5, 1}, Counts: []uint64{4, 2, 1}, Sum: 9.5},
	})))

	err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP pull_info Always 1. The labels are the id of this node, which changes with each start, and the epoch of the log.
# TYPE pull_info gauge
pull_info{epoch="e1",node="n1"} 1
# HELP pull_log_lag_seconds From the end of a handler until this node has read the last event of its request from the log.
# TYPE pull_log_lag_seconds histogram
pull_log_lag_seconds_bucket{le="0.5"} 4
pull_log_lag_seconds_bucket{le="1"} 6
pull_log_lag_seconds_bucket{le="+Inf"} 7
pull_log_lag_seconds_sum 9.5
pull_log_lag_seconds_count 7
# HELP pull_messages_total Events that this node has read from the log.
# TYPE pull_messages_total counter
pull_messages_total 58
# HELP pull_sessions Live connections of this node, by transport.
# TYPE pull_sessions gauge
pull_sessions{transport="html"} 0
pull_sessions{transport="sse"} 2
pull_sessions{transport="websocket"} 3
`), "pull_info", "pull_log_lag_seconds", "pull_messages_total", "pull_sessions")
	if err != nil {
		t.Error(err)
	}
}

// Two scrapes at once share a collector.
func TestParallelScrapes(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(pullprom.NewCollector(plugin(t)))
	done := make(chan error)
	for range 4 {
		go func() {
			_, err := registry.Gather()
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Whatever happens meanwhile, no counter goes back, and no bucket has more than the next.
func TestScrapesOfABusyPluginAreConsistent(t *testing.T) {
	p := plugin(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(pullprom.NewCollector(p))
	sent := make(chan error, 1)
	go func() {
		var err error
		for range 2_000 {
			err = errors.Join(err, p.Send(t.Context(), pull.Shared(), pull.Event{Module: "tasks", Command: "update"}))
		}
		sent <- err
	}()

	before := map[string]float64{}
	for busy := true; busy; {
		select {
		case err := <-sent:
			if err != nil {
				t.Fatal(err)
			}
			busy = false
		default:
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, m := range family.GetMetric() {
				series := family.GetName() + fmt.Sprint(m.GetLabel())
				now := m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
				if family.GetType() != dto.MetricType_GAUGE && now < before[series] {
					t.Errorf("%s goes from %v back to %v", series, before[series], now)
				}
				before[series] = now
				checkBuckets(t, series, m.GetHistogram())
			}
		}
	}
	if n := before["pull_messages_total[]"]; n == 0 {
		t.Error("no events were counted")
	}
}

// checkBuckets fails unless the buckets are cumulative.
func checkBuckets(t *testing.T, series string, h *dto.Histogram) {
	t.Helper()
	last := uint64(0)
	for _, b := range h.GetBucket() {
		if b.GetCumulativeCount() < last {
			t.Errorf("%s has %d up to %v s, and %d up to less", series, b.GetCumulativeCount(), b.GetUpperBound(), last)
		}
		last = b.GetCumulativeCount()
	}
	if last > h.GetSampleCount() {
		t.Errorf("%s has %d in buckets, and %d in all", series, last, h.GetSampleCount())
	}
}

// The metrics of a plugin can be read to the end, and after it.
func TestPluginThatHasShutDownIsScraped(t *testing.T) {
	p := plugin(t)
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := testutil.CollectAndCompare(pullprom.NewCollector(p), strings.NewReader(`
# HELP pull_messages_total Events that this node has read from the log.
# TYPE pull_messages_total counter
pull_messages_total 1
`), "pull_messages_total")
	if err != nil {
		t.Error(err)
	}
}

// Without a label, the second collector is refused when it is registered, not in a scrape.
func TestSecondPluginNeedsALabel(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(pullprom.NewCollector(plugin(t)))

	err := registry.Register(pullprom.NewCollector(plugin(t)))

	if !errors.As(err, &prometheus.AlreadyRegisteredError{}) {
		t.Errorf("got %v, want an AlreadyRegisteredError", err)
	}
}

func TestSeveralPluginsHaveALabel(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, name := range []string{"shop", "admin"} {
		prometheus.WrapRegistererWith(prometheus.Labels{"plugin": name}, registry).MustRegister(pullprom.NewCollector(plugin(t)))
	}
	if n, err := testutil.GatherAndCount(registry, "pull_messages_total"); n != 2 || err != nil {
		t.Errorf("got %d series and %v, want 2", n, err)
	}
}

func ExampleNewCollector() {
	p, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "", nil }})
	if err != nil {
		panic(err)
	}
	e := echo.New()
	prometheus.MustRegister(pullprom.NewCollector(p))
	e.GET("/metrics", echo.WrapHandler(promhttp.Handler()))

	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "pull_messages_total") {
			fmt.Print(line)
		}
	}
	prometheus.Unregister(pullprom.NewCollector(p)) // for tests that run twice
	_ = p.Shutdown(context.Background())
	// Output: pull_messages_total 0
}

// Several plugins of one process have a label.
func ExampleNewCollector_severalPlugins() {
	p, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "", nil }})
	if err != nil {
		panic(err)
	}

	registry := prometheus.NewRegistry()
	shop := prometheus.WrapRegistererWith(prometheus.Labels{"plugin": "shop"}, registry)
	shop.MustRegister(pullprom.NewCollector(p))

	families, err := registry.Gather()
	for _, family := range families {
		if family.GetName() == "pull_messages_total" {
			label := family.GetMetric()[0].GetLabel()[0]
			fmt.Println(label.GetName(), label.GetValue())
		}
	}
	_ = p.Shutdown(context.Background())
	fmt.Println(err)
	// Output:
	// plugin shop
	// <nil>
}

// fixed is a source that returns the same numbers.
type fixed pull.Stats

func (f fixed) Stats() pull.Stats { return pull.Stats(f) }
