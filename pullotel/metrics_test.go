package pullotel_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/metrics"
	"github.com/echo-pull/pull/pullotel"
)

// fixed is a source that returns the same numbers.
type fixed pull.Stats

func (f fixed) Stats() pull.Stats { return pull.Stats(f) }

// plugin returns a plugin that ends with the test.
func plugin(t *testing.T, configure func(*pull.Config)) *pull.Plugin {
	t.Helper()
	config := pull.Config{User: func(echo.Context) (string, error) { return "7", nil }}
	if configure != nil {
		configure(&config)
	}
	p, err := pull.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, p) })
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		t.Fatal(err)
	}
	return p
}

// shutdown ends a plugin, which may have ended.
func shutdown(t *testing.T, p *pull.Plugin) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// collect returns what a reader collects, by name.
func collect(t *testing.T, reader sdkmetric.Reader) map[string]metricdata.Metrics {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	all := map[string]metricdata.Metrics{}
	for _, part := range data.ScopeMetrics {
		for _, m := range part.Metrics {
			if _, twice := all[m.Name]; twice {
				t.Errorf("%s twice", m.Name)
			}
			all[m.Name] = m
		}
	}
	return all
}

func TestEveryMetricIsCollected(t *testing.T) {
	p := plugin(t, nil)
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(pullotel.Histograms(p)))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	if _, err := pullotel.Register(provider, p); err != nil {
		t.Fatal(err)
	}

	all := collect(t, reader)

	for _, want := range metrics.All() {
		got, found := all[want.Name]
		if !found || got.Unit != want.Unit || got.Description != want.Help {
			t.Errorf("%s: got %q in %q, want %q in %q", want.Name, got.Description, got.Unit, want.Help, want.Unit)
		}
		delete(all, want.Name)
	}
	delete(all, metrics.Info)
	for name := range all {
		t.Errorf("%s was not expected", name)
	}
}

// Two plugins of a process have series of their own.
func TestSeveralPluginsHaveAnAttribute(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	for i, name := range []string{"shop", "admin"} {
		source := fixed{Users: i + 1, Transports: map[string]int{"sse": i + 1}}
		if _, err := pullotel.Register(provider, source, attribute.String("plugin", name)); err != nil {
			t.Fatal(err)
		}
	}

	all := collect(t, reader)

	for name, labels := range map[string][]attribute.KeyValue{"pull.users": nil, "pull.sessions": {attribute.String("transport", "sse")}} {
		var want []metricdata.DataPoint[float64]
		for i, plugin := range []string{"shop", "admin"} {
			want = append(want, metricdata.DataPoint[float64]{Value: float64(i + 1), Attributes: attribute.NewSet(append(labels, attribute.String("plugin", plugin))...)})
		}
		metricdatatest.AssertAggregationsEqual(t, metricdata.Gauge[float64]{DataPoints: want}, all[name].Data, metricdatatest.IgnoreTimestamp())
	}
}

// What a node was called before is not observed any more.
func TestInfoNamesTheNodeAndItsLog(t *testing.T) {
	source := &changing{}
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	if _, err := pullotel.Register(provider, source, attribute.String("plugin", "shop")); err != nil {
		t.Fatal(err)
	}
	for _, epoch := range []string{"", "e1", "e2"} {
		source.stats = pull.Stats{Node: "n1", Epoch: epoch}

		got := collect(t, reader)["pull.info"]

		attributes := attribute.NewSet(attribute.String("plugin", "shop"), attribute.String("node", "n1"), attribute.String("epoch", epoch))
		want := metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Value: 1, Attributes: attributes}}}
		metricdatatest.AssertAggregationsEqual(t, want, got.Data, metricdatatest.IgnoreTimestamp())
	}
}

// A changing source counts its reads.
type changing struct {
	stats pull.Stats
	reads int
}

func (c *changing) Stats() pull.Stats {
	c.reads++
	return c.stats
}

func TestStatsAreReadOnceForEachCollection(t *testing.T) {
	source := &changing{}
	reader := sdkmetric.NewManualReader()
	if _, err := pullotel.Register(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), source); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		collect(t, reader)
	}
	if source.reads != 3 {
		t.Errorf("Stats was called %d times in 3 collections", source.reads)
	}
}

// The metrics can be read to the end, and after it.
func TestPluginThatHasShutDownIsObserved(t *testing.T) {
	p := plugin(t, nil)
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(pullotel.Histograms(p)))
	if _, err := pullotel.Register(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), p); err != nil {
		t.Fatal(err)
	}
	if err := p.Send(t.Context(), pull.Shared(), pull.Event{Module: "tasks", Command: "update"}); err != nil {
		t.Fatal(err)
	}
	shutdown(t, p)

	sum, _ := collect(t, reader)["pull.messages"].Data.(metricdata.Sum[float64])

	if len(sum.DataPoints) != 1 || sum.DataPoints[0].Value != 1 {
		t.Errorf("got %v, want 1 message", sum.DataPoints)
	}
}

// Register returns the errors of a provider.
func TestErrorsOfTheProviderAreReturned(t *testing.T) {
	for _, name := range []string{"pull.info", "pull.refusals", "pull.users", "callback"} {
		if r, err := pullotel.Register(failing{fails: name}, fixed{}); r != nil || err == nil || !strings.Contains(err.Error(), errMeter.Error()) {
			t.Errorf("%s: got %v and %v, want the error of the meter", name, r, err)
		}
	}
}

func TestInstrumentsObserveStats(t *testing.T) {
	source := fixed{
		Transports: map[string]int{"websocket": 3, "sse": 2},
		Messages:   58,
		Users:      4,
		LogLag:     pull.Histogram{Bounds: []float64{.5, 1}, Counts: []uint64{4, 2, 1}, Sum: 9.5},
	}
	name := attribute.String("plugin", "shop")
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(pullotel.Histograms(source, name)))
	registration, err := pullotel.Register(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), source)
	if err != nil {
		t.Fatal(err)
	}

	all := collect(t, reader)

	point := func(value float64, attributes ...attribute.KeyValue) metricdata.DataPoint[float64] {
		return metricdata.DataPoint[float64]{Value: value, Attributes: attribute.NewSet(attributes...)}
	}
	same := func(name string, want metricdata.Aggregation) {
		t.Helper()
		metricdatatest.AssertAggregationsEqual(t, want, all[name].Data, metricdatatest.IgnoreTimestamp())
	}
	same("pull.users", metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{point(4)}})
	same("pull.messages", metricdata.Sum[float64]{
		Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: []metricdata.DataPoint[float64]{point(58)},
	})
	same("pull.sessions", metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{
		point(3, attribute.String("transport", "websocket")), point(2, attribute.String("transport", "sse")),
	}})
	same("pull.log.lag", metricdata.Histogram[float64]{
		Temporality: metricdata.CumulativeTemporality,
		DataPoints: []metricdata.HistogramDataPoint[float64]{{
			Attributes: attribute.NewSet(name), Count: 7, Sum: 9.5, Bounds: []float64{.5, 1}, BucketCounts: []uint64{4, 2, 1},
		}},
	})

	if err := registration.Unregister(); err != nil {
		t.Fatal(err)
	}
	if _, found := collect(t, reader)["pull.users"]; found {
		t.Error("a metric is observed after Unregister")
	}
}

// A failing provider has a meter that fails at one instrument or at the callback.
type failing struct {
	noop.MeterProvider
	fails string
}

var errMeter = errors.New("the meter fails")

func (f failing) Meter(string, ...metric.MeterOption) metric.Meter { return meter{fails: f.fails} }

type meter struct {
	noop.Meter
	fails string
}

func (m meter) Float64ObservableGauge(name string, o ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	g, _ := m.Meter.Float64ObservableGauge(name, o...)
	return g, m.fail(name)
}

func (m meter) Float64ObservableCounter(name string, o ...metric.Float64ObservableCounterOption) (metric.Float64ObservableCounter, error) {
	c, _ := m.Meter.Float64ObservableCounter(name, o...)
	return c, m.fail(name)
}

func (m meter) RegisterCallback(f metric.Callback, o ...metric.Observable) (metric.Registration, error) {
	r, _ := m.Meter.RegisterCallback(f, o...)
	return r, m.fail("callback")
}

func (m meter) fail(name string) error {
	if name == m.fails {
		return errMeter
	}
	return nil
}
