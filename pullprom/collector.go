// Package pullprom exports the counters of a plugin to Prometheus.
//
//	prometheus.MustRegister(pullprom.NewCollector(p))
//	e.GET("/metrics", echo.WrapHandler(promhttp.Handler()))
//
// It works for Echo v4 and v5. Every metric begins with pull_, and none has a label whose
// values an application or a user chooses. [Metrics] lists them. Beside this package are
// dashboard.json, a dashboard for Grafana, and alerts.yaml, alerting rules.
//
// [Metrics]: https://github.com/echo-pull/pull/blob/main/docs/metrics.md
package pullprom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/metrics"
	"github.com/echo-pull/pull/internal/tally"
)

// A Source is what is measured: the Plugin of package pull, or of pull/v5. Stats may be
// called concurrently.
type Source interface{ Stats() engine.Stats }

// NewCollector returns a collector of a plugin's metrics. It reads Stats once per scrape and
// keeps nothing between scrapes. Register one collector per plugin. For several plugins in
// one process, wrap the registry with [prometheus.WrapRegistererWith] and the label plugin,
// which the dashboard and the alerts know.
func NewCollector(source Source) prometheus.Collector { //nolint:ireturn // what a registry takes
	c := &collector{
		source: source,
		info:   prometheus.NewDesc("pull_info", metrics.InfoHelp, []string{metrics.InfoNode, metrics.InfoEpoch}, nil),
	}
	for _, m := range metrics.All() {
		var labels []string
		if m.Label != "" {
			labels = []string{m.Label}
		}
		c.metrics = append(c.metrics, metric{Metric: m, desc: prometheus.NewDesc(m.Prometheus(), m.Help, labels, nil)})
	}
	return c
}

type collector struct {
	source  Source
	metrics []metric
	info    *prometheus.Desc
}

type metric struct {
	metrics.Metric
	desc *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	to <- c.info
	for i := range c.metrics {
		to <- c.metrics[i].desc
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(to chan<- prometheus.Metric) {
	stats := c.source.Stats()
	to <- prometheus.MustNewConstMetric(c.info, prometheus.GaugeValue, 1, stats.Node, stats.Epoch)
	for i := range c.metrics {
		c.metrics[i].collect(&stats, to)
	}
}

// collect sends the values of one metric.
func (m *metric) collect(stats *engine.Stats, to chan<- prometheus.Metric) {
	kind := prometheus.GaugeValue
	if m.Kind == metrics.Counter {
		kind = prometheus.CounterValue
	}
	switch {
	case m.Histogram != nil:
		to <- histogram(m.desc, m.Histogram(stats))
	case m.Map != nil:
		for label, value := range m.Map(stats) {
			to <- prometheus.MustNewConstMetric(m.desc, kind, value, label)
		}
	default:
		to <- prometheus.MustNewConstMetric(m.desc, kind, m.Value(stats))
	}
}

// histogram returns a histogram with cumulative buckets, as Prometheus wants them.
func histogram(desc *prometheus.Desc, h tally.Histogram) prometheus.Metric { //nolint:ireturn // client_golang has no exported type for it
	count, buckets := uint64(0), make(map[float64]uint64, len(h.Bounds))
	for i, n := range h.Counts {
		count += n
		if i < len(h.Bounds) {
			buckets[h.Bounds[i]] = count
		}
	}
	return prometheus.MustNewConstHistogram(desc, count, h.Sum, buckets)
}
