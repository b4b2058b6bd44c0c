// Package metrics lists what a node measures, for exporters of metrics: names, units,
// and where the values are in [engine.Stats].
//
// The names are those of OpenTelemetry, such as pull.log.lag in seconds. Exporters for
// Prometheus derive pull_log_lag_seconds from it, by the rules with which OpenTelemetry
// does that.
package metrics

import (
	"strings"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/tally"
)

// A Kind is what the values of a metric mean.
type Kind int

// The kinds.
const (
	Gauge     Kind = iota // what is now
	Counter               // what has happened since the process began
	Histogram             // how long it took, in seconds
)

// The units, as in UCUM.
const (
	Seconds = "s"
	Bytes   = "By"
)

// What names a node and its log: a gauge that is always 1, with two labels.
const (
	Info      = "pull.info"
	InfoHelp  = "Always 1. The labels are the id of this node, which changes with each start, and the epoch of the log."
	InfoNode  = "node"
	InfoEpoch = "epoch"
)

// A Metric is one measurement of a node. Of its functions, exactly one is not nil.
type Metric struct {
	Name  string // with dots, as OpenTelemetry wants it
	Field string // of engine.Stats
	Kind  Kind
	Unit  string // Seconds, Bytes, or what is counted in braces
	Help  string
	Label string // of the values of Map

	Value     func(*engine.Stats) float64
	Map       func(*engine.Stats) map[string]float64
	Histogram func(*engine.Stats) tally.Histogram
}

// Prometheus returns the name of the metric in Prometheus.
func (m *Metric) Prometheus() string {
	name := strings.ReplaceAll(m.Name, ".", "_")
	switch m.Unit {
	case Seconds:
		name += "_seconds"
	case Bytes:
		name += "_bytes"
	}
	if m.Kind == Counter {
		name += "_total"
	}
	return name
}

// All returns every metric of a node, in the order of the documentation. Fields that are
// the sum of a metric with a label have none of their own.
func All() []Metric {
	var all []Metric
	for _, part := range [][]Metric{connections(), events(), recovery(), publisher(), window(), notifications()} {
		all = append(all, part...)
	}
	return all
}

func connections() []Metric {
	return []Metric{
		{Name: "pull.sessions", Field: "Transports", Unit: "{session}", Label: "transport", Help: "Live connections of this node, by transport.", Map: numbers(func(s *engine.Stats) map[string]int { return s.Transports })},
		{Name: "pull.guest.sessions", Field: "Guests", Unit: "{session}", Help: "Live connections of this node without a user.", Value: func(s *engine.Stats) float64 { return float64(s.Guests) }},
		{Name: "pull.users", Field: "Users", Unit: "{user}", Help: "Users who are online, on all nodes.", Value: func(s *engine.Stats) float64 { return float64(s.Users) }},
		{Name: "pull.nodes", Field: "Nodes", Unit: "{node}", Help: "Live nodes, as this one knows them, itself included.", Value: func(s *engine.Stats) float64 { return float64(s.Nodes) }},
		{Name: "pull.watches", Field: "Watches", Unit: "{watch}", Help: "Watches of users, on all nodes.", Value: func(s *engine.Stats) float64 { return float64(s.Watches) }},
		{Name: "pull.page.watches", Field: "PageWatches", Unit: "{watch}", Help: "Tags that pages of this node watch by grants, each once for each page.", Value: func(s *engine.Stats) float64 { return float64(s.PageWatches) }},
		{Name: "pull.refusals", Field: "Refused", Kind: Counter, Unit: "{request}", Label: "reason", Help: "Requests to the mounted paths that were refused, by reason.", Map: numbers(func(s *engine.Stats) map[string]uint64 { return s.Refused })},
		{Name: "pull.closed.sessions", Field: "CutBy", Kind: Counter, Unit: "{session}", Label: "reason", Help: "Connections of this node that were not closed by their page, by reason.", Map: numbers(func(s *engine.Stats) map[string]uint64 { return s.CutBy })},
	}
}

func events() []Metric {
	return []Metric{
		{Name: "pull.messages", Field: "Messages", Kind: Counter, Unit: "{message}", Help: "Events that this node has read from the log.", Value: func(s *engine.Stats) float64 { return float64(s.Messages) }},
		{Name: "pull.deliveries", Field: "Deliveries", Kind: Counter, Unit: "{delivery}", Help: "Hand-overs to connections, each of one or more messages.", Value: func(s *engine.Stats) float64 { return float64(s.Deliveries) }},
		{Name: "pull.log.lag", Field: "LogLag", Kind: Histogram, Unit: Seconds, Help: "From the end of a handler until this node has read the last event of its request from the log.", Histogram: func(s *engine.Stats) tally.Histogram { return s.LogLag }},
		{Name: "pull.first_write", Field: "FirstWrite", Kind: Histogram, Unit: Seconds, Help: "From the end of a handler until the first page of this node has the last event of its request.", Histogram: func(s *engine.Stats) tally.Histogram { return s.FirstWrite }},
	}
}

func recovery() []Metric {
	return []Metric{
		{Name: "pull.recoveries", Field: "Recovered", Kind: Counter, Unit: "{session}", Help: "Connections that continued from a cursor.", Value: func(s *engine.Stats) float64 { return float64(s.Recovered) }},
		{Name: "pull.replayed.messages", Field: "Replayed", Kind: Counter, Unit: "{message}", Help: "Messages that pages have read from the window, because they had missed them or were behind.", Value: func(s *engine.Stats) float64 { return float64(s.Replayed) }},
		{Name: "pull.gaps", Field: "GapsBy", Kind: Counter, Unit: "{session}", Label: "cause", Help: "Connections that were notified of a gap, by cause.", Map: numbers(func(s *engine.Stats) map[string]uint64 { return s.GapsBy })},
	}
}

func publisher() []Metric {
	return []Metric{
		{Name: "pull.publisher.queue.events", Field: "PublisherEvents", Unit: "{event}", Help: "Events that are collected by requests or wait for the broker. The limit is 65,536.", Value: func(s *engine.Stats) float64 { return float64(s.PublisherEvents) }},
		{Name: "pull.publisher.queue.size", Field: "PublisherBytes", Unit: Bytes, Help: "Their bytes. The limit is 64 MiB.", Value: func(s *engine.Stats) float64 { return float64(s.PublisherBytes) }},
		{Name: "pull.publish.failures", Field: "PublishFailures", Kind: Counter, Unit: "{call}", Help: "Calls of the broker's Publish that returned an error.", Value: func(s *engine.Stats) float64 { return float64(s.PublishFailures) }},
		{Name: "pull.publish.retries", Field: "PublishRetries", Kind: Counter, Unit: "{call}", Help: "Calls of the broker's Publish that repeated one that had failed.", Value: func(s *engine.Stats) float64 { return float64(s.PublishRetries) }},
		{Name: "pull.tx_outbox.age", Field: "TxOutboxAge", Unit: Seconds, Help: "Age of the oldest event of SendTx that has not left yet, or 0.", Value: func(s *engine.Stats) float64 { return s.TxOutboxAge.Seconds() }},
	}
}

func window() []Metric {
	return []Metric{
		{Name: "pull.log.offset", Field: "Offset", Unit: "{message}", Help: "Offset up to which this node has read the log. It starts again with another log.", Value: func(s *engine.Stats) float64 { return float64(s.Offset) }},
		{Name: "pull.window.messages", Field: "WindowMessages", Unit: "{message}", Help: "Events in the window.", Value: func(s *engine.Stats) float64 { return float64(s.WindowMessages) }},
		{Name: "pull.window.size", Field: "WindowBytes", Unit: Bytes, Help: "All that the node keeps for them.", Value: func(s *engine.Stats) float64 { return float64(s.WindowBytes) }},
		{Name: "pull.window.oldest", Field: "WindowOldest", Unit: Seconds, Help: "Age of the oldest event in the window, or 0.", Value: func(s *engine.Stats) float64 { return s.WindowOldest.Seconds() }},
	}
}

func notifications() []Metric {
	return []Metric{
		{Name: "pull.waiting.pushes", Field: "PushesWaiting", Unit: "{notification}", Help: "Notifications that wait, each for one user; the same on all nodes.", Value: func(s *engine.Stats) float64 { return float64(s.PushesWaiting) }},
		{Name: "pull.dropped.pushes", Field: "PushesDropped", Kind: Counter, Unit: "{notification}", Help: "Notifications that were dropped because too many waited.", Value: func(s *engine.Stats) float64 { return float64(s.PushesDropped) }},
		{Name: "pull.pushes", Field: "Pushes", Kind: Counter, Unit: "{notification}", Label: "outcome", Help: "What became of notifications, each for one user, by outcome.", Map: numbers(func(s *engine.Stats) map[string]uint64 { return s.Pushes })},
	}
}

// numbers returns a function that returns the values of a field as numbers of a metric.
func numbers[N int | uint64](field func(*engine.Stats) map[string]N) func(*engine.Stats) map[string]float64 {
	return func(s *engine.Stats) map[string]float64 {
		values := make(map[string]float64, len(field(s)))
		for label, n := range field(s) {
			values[label] = float64(n)
		}
		return values
	}
}
