package report

import (
	"strconv"
	"time"

	"github.com/echo-pull/pull/bench/internal/record"
)

// Presence returns the table of users who connect at once.
func (s set) Presence() string {
	t := table{head: []string{"", "connections", "notified", "server CPU, s", "bytes per page", "… in the worst second", "quiet after, s"}}
	for _, peer := range s.peers() {
		for _, users := range s.users(record.PresenceAll) {
			for _, w := range []struct{ workload, told string }{{record.PresenceNobody, "nobody"}, {record.PresenceAll, "everyone"}} {
				if len(s.of(peer, w.workload, users)) == 0 {
					continue
				}
				cell := func(f figure, format func(float64) string) string { return s.cell(peer, w.workload, users, f, format) }
				t.rows = append(t.rows, []string{
					name(peer), count(float64(users)), w.told, cell(seconds, digits),
					cell(record.Record.PageBytes, count), cell(record.Record.PagePeak, count), cell(settled, quiet),
				})
			}
		}
	}
	return t.String()
}

func settled(r record.Record) float64 { return float64(r.Settled()) }

func quiet(seconds float64) string {
	if seconds == 0 {
		return "not at the end"
	}
	return count(seconds)
}

// changePlots draws a scene over time: p99, CPU and memory.
func (s set) changePlots() map[string]string {
	all := map[string]string{}
	for _, c := range []struct {
		name, title, y string
		f              func(record.Second) float64
	}{
		{"change-latency.svg", "p99 while connections come and go", "ms", func(v record.Second) float64 { return float64(v.P99) / float64(time.Millisecond) }},
		{"change-median.svg", "Median latency while connections come and go", "ms", func(v record.Second) float64 { return float64(v.P50) / float64(time.Millisecond) }},
		{"change-cpu.svg", "CPU while connections come and go", "processors", func(v record.Second) float64 { return v.CPU.Seconds() }},
		{"change-memory.svg", "Memory while connections come and go", "resident MB", func(v record.Second) float64 { return float64(v.RSS) / 1e6 }},
	} {
		plot := chart{title: c.title, x: "second", y: c.y, lines: s.overTime(c.f)}
		for i := range longestOf(plot.lines) {
			plot.ticks = append(plot.ticks, map[bool]string{true: strconv.Itoa(i + 1)}[i%5 == 4])
		}
		all[c.name] = plot.curves()
	}
	return all
}

// overTime returns a line for each peer, with a value for each second.
func (s set) overTime(f func(record.Second) float64) []series {
	users := s.users(record.Change)
	if len(users) == 0 {
		return nil
	}
	return s.series(func(peer string) []float64 {
		var values []float64
		if records := s.of(peer, record.Change, users[len(users)-1]); len(records) > 0 {
			for _, second := range records[0].Seconds {
				values = append(values, f(second))
			}
		}
		return values
	})
}

func longestOf(lines []series) int {
	most := 0
	for _, line := range lines {
		most = max(most, len(line.values))
	}
	return most
}

// summaryPlot draws the CPU of the summary.
func (s set) summaryPlot() chart {
	c := chart{title: "Server CPU per delivery at 1,000 connections", y: "µs"}
	workloads := []string{record.Broadcast1, record.UserFull, record.TagFull, record.OneFull}
	c.ticks = []string{"broadcast", "one user", "tag", "request"}
	for i, peer := range []string{ours, sse, centrifuge, gws, raw} {
		line := series{name: peer, colour: colours()[i], bold: peer == ours}
		for _, w := range workloads {
			value, _ := s.median(peer, w, 1000, record.Record.CPUPerDelivery)
			line.values = append(line.values, value)
		}
		c.lines = append(c.lines, line)
	}
	return c
}
