package report

import (
	"maps"
	"slices"

	"github.com/echo-pull/pull/bench/internal/record"
)

// plots returns the files for the plots beside the tables, by name.
func (s set) plots() map[string]string {
	all := map[string]string{
		"memory.svg":  s.memoryPlot().bars(),
		"latency.svg": s.latencyPlot().bars(),
		"summary.svg": s.summaryPlot().bars(),
	}
	maps.Copy(all, s.changePlots())
	for _, w := range []struct{ workload, title string }{
		{record.Broadcast1, "Broadcast, one message in flight"},
		{record.Broadcast32, "Broadcast, 32 messages in flight"},
		{record.User, "A message to one user among all"},
		{record.Tag, "A message to the 1 % that hold a tag"},
		{record.Request, "Ten events of one request to a user"},
	} {
		all["cpu-"+w.workload+".svg"] = s.cpuPlot(w.workload, w.title).curves()
	}
	return all
}

func (s set) cpuPlot(workload, title string) chart {
	c := chart{title: title, x: "connections", y: "µs of server CPU per delivery", log: true}
	users := s.users(workload)
	for _, n := range users {
		c.ticks = append(c.ticks, count(float64(n)))
	}
	c.lines = s.series(func(peer string) []float64 {
		var values []float64
		for _, n := range users {
			value, _ := s.median(peer, workload, n, record.Record.CPUPerDelivery)
			values = append(values, value)
		}
		return values
	})
	return c
}

func (s set) memoryPlot() chart {
	c := chart{title: "Memory of an idle connection", x: "connections", y: "resident KB per connection"}
	users := s.users(record.Idle)
	for _, n := range users {
		c.ticks = append(c.ticks, count(float64(n)))
	}
	c.lines = s.series(func(peer string) []float64 {
		var values []float64
		for _, n := range users {
			value, _ := s.median(peer, record.Idle, n, func(r record.Record) float64 { return r.RSS / 1024 })
			values = append(values, value)
		}
		return values
	})
	return c
}

func (s set) latencyPlot() chart {
	c := chart{
		title: "Latency of a broadcast to " + count(float64(s.typical())),
		y:     "p99 in ms",
		ticks: []string{"at half of its own maximum rate", "at the same rate for all"},
	}
	c.lines = s.series(func(peer string) []float64 {
		half, _ := s.median(peer, record.LatencyHalf, s.typical(), p99)
		same, _ := s.median(peer, record.LatencySame, s.typical(), p99)
		return []float64{half / 1e6, same / 1e6}
	})
	return c
}

// series gives each measured peer a colour, the same in all plots.
func (s set) series(values func(peer string) []float64) []series {
	var all []series
	for i, peer := range s.peers() {
		v := values(peer)
		if slices.Max(append(v, 0)) > 0 {
			all = append(all, series{name: peer, colour: colours()[i%len(colours())], bold: peer == ours, values: v})
		}
	}
	return all
}

// colours are distinct on white and on black.
func colours() []string {
	return []string{
		"#e5534b", "#4493f8", "#3fb950", "#db6d28", "#a371f7", "#bf8700", "#39a0a0",
		"#d9608f", "#6e9a3a", "#8a7a66", "#5b77d6", "#b35fb3", "#8b949e",
	}
}
