package pullotel

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/metrics"
)

// Register creates an observable instrument for each counter and each gauge of a plugin.
// They read Stats once for each collection. The instruments observe nothing after
// Unregister of the result, which you should call before you shut down the plugin. The
// attributes tell several plugins of a process apart. Register returns the errors of the
// provider.
//
// Observable instruments cannot be histograms: give the reader [Histograms] as well.
func Register(provider metric.MeterProvider, source Source, attributes ...attribute.KeyValue) (metric.Registration, error) { //nolint:ireturn // the type of OpenTelemetry
	meter := provider.Meter(scope)
	info, err := meter.Float64ObservableGauge(metrics.Info, metric.WithDescription(metrics.InfoHelp))
	if err != nil {
		return nil, fmt.Errorf("pullotel: instrument %s: %w", metrics.Info, err)
	}
	var all []instrument
	observables := []metric.Observable{info}
	for _, m := range metrics.All() {
		if m.Kind == metrics.Histogram {
			continue
		}
		observable, err := newInstrument(meter, &m)
		if err != nil {
			return nil, fmt.Errorf("pullotel: instrument %s: %w", m.Name, err)
		}
		all = append(all, instrument{m, observable, attributes})
		observables = append(observables, observable)
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stats := source.Stats()
		o.ObserveFloat64(info, 1, metric.WithAttributes(attributes...),
			metric.WithAttributes(attribute.String(metrics.InfoNode, stats.Node), attribute.String(metrics.InfoEpoch, stats.Epoch)))
		for i := range all {
			all[i].observe(&stats, o)
		}
		return nil
	}, observables...)
	if err != nil {
		return nil, fmt.Errorf("pullotel: register the instruments: %w", err)
	}
	return registration, nil
}

// An instrument is a metric at a meter.
type instrument struct {
	metrics.Metric
	observable metric.Float64Observable
	attributes []attribute.KeyValue
}

func newInstrument(meter metric.Meter, m *metrics.Metric) (metric.Float64Observable, error) { //nolint:ireturn // one of two
	if m.Kind == metrics.Counter {
		return meter.Float64ObservableCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help))
	}
	return meter.Float64ObservableGauge(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help))
}

// observe passes the values of an instrument to an observer.
func (i *instrument) observe(stats *engine.Stats, o metric.Observer) {
	if i.Map == nil {
		o.ObserveFloat64(i.observable, i.Value(stats), metric.WithAttributes(i.attributes...))
		return
	}
	for label, value := range i.Map(stats) {
		o.ObserveFloat64(i.observable, value, metric.WithAttributes(i.attributes...), metric.WithAttributes(attribute.String(i.Label, label)))
	}
}
