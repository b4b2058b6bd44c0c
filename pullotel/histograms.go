package pullotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/echo-pull/pull/internal/metrics"
	"github.com/echo-pull/pull/internal/tally"
)

// Histograms returns a producer of the histograms of a plugin, for a reader:
//
//	sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(pullotel.Histograms(p)))
//
// They are cumulative, whatever temporality the reader prefers. The attributes tell several plugins of a process apart.
func Histograms(source Source, attributes ...attribute.KeyValue) sdk.Producer { //nolint:ireturn // what a reader takes
	return &histograms{source: source, began: time.Now(), attributes: attribute.NewSet(attributes...)}
}

type histograms struct {
	source     Source
	began      time.Time
	attributes attribute.Set
}

// Produce implements [sdk.Producer].
func (h *histograms) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	stats, now := h.source.Stats(), time.Now()
	var all []metricdata.Metrics
	for _, m := range metrics.All() {
		if m.Histogram == nil {
			continue
		}
		point := h.point(m.Histogram(&stats), now)
		all = append(all, metricdata.Metrics{Name: m.Name, Description: m.Help, Unit: m.Unit, Data: metricdata.Histogram[float64]{
			Temporality: metricdata.CumulativeTemporality,
			DataPoints:  []metricdata.HistogramDataPoint[float64]{point},
		}})
	}
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: scope}, Metrics: all}}, nil
}

// point returns a histogram as OpenTelemetry represents it, which also does not cumulate buckets.
func (h *histograms) point(from tally.Histogram, now time.Time) metricdata.HistogramDataPoint[float64] {
	return metricdata.HistogramDataPoint[float64]{
		Attributes: h.attributes, StartTime: h.began, Time: now,
		Count: from.Count(), Sum: from.Sum, Bounds: from.Bounds, BucketCounts: from.Counts,
	}
}
