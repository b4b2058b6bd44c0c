package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/echo-pull/pull/bench/internal/record"
)

// Summary returns the first screen: what each thing costs, beside the peers that do
// the least.
func (s set) Summary() string {
	peers := []string{ours, sse, centrifuge, gws, raw}
	t := table{head: []string{""}}
	for _, peer := range peers {
		t.head = append(t.head, cmp.Or(map[string]string{ours: "**pull**", raw: "one write per message"}[peer], peer))
	}
	row := func(what, workload string, users int, cell func(peer string) string) {
		cells, some := []string{what}, false
		for _, peer := range peers {
			text := cell(peer)
			cells, some = append(cells, text), some || text != nothing
		}
		if some && len(s.of(ours, workload, users)) > 0 {
			t.rows = append(t.rows, cells)
		}
	}
	for _, w := range costs() {
		row(w.name, w.workload, 1000, func(peer string) string { return s.both(peer, w.workload) })
	}
	row("bytes on the wire for 200", record.Broadcast1, 1000, func(peer string) string {
		return s.cell(peer, record.Broadcast1, 1000, record.Record.BytesPerDelivery, count)
	})
	row("resident memory of an idle connection, of 10,000", record.Idle, 10000, func(peer string) string {
		return s.cell(peer, record.Idle, 10000, func(r record.Record) float64 { return r.RSS }, kilobytes)
	})
	return t.String()
}

// both returns the CPU at 1,000 and at 10,000 connections.
func (s set) both(peer, workload string) string {
	few := s.cell(peer, workload, 1000, record.Record.CPUPerDelivery, digits)
	many := s.cell(peer, workload, 10000, record.Record.CPUPerDelivery, digits)
	if few == nothing && many == nothing {
		return nothing
	}
	return few + " / " + many
}

// A cost is a workload of the summary.
type cost struct{ workload, name string }

func costs() []cost {
	return []cost{
		{record.Broadcast1, "CPU of a broadcast, per connection"},
		{record.Broadcast32, "… in bursts of 32"},
		{record.UserFull, "CPU of a message to one user"},
		{record.UserFilling, "… soon after the start of the server"},
		{record.TagFull, "CPU of a message to a tag with ten watchers, per connection"},
		{record.OneFull, "CPU of a request with one event"},
	}
}

// Facts lists what only pull is measured for.
func (s set) Facts() string {
	var b strings.Builder
	fact := func(workload string, users int, format string, figures ...figure) {
		var values []any
		for _, f := range figures {
			v, ok := s.median(ours, workload, users, f)
			if !ok {
				return
			}
			values = append(values, count(v))
		}
		fmt.Fprintf(&b, "- "+format+s.mark(ours, workload, users)+"\n", values...)
	}
	fact(record.Window, 1000, "A message of 200 B takes %s B in the window, of which the plugin counts %s. %s are left %s s after the last message, with a window of 15 s.",
		windowHeap, windowBytes, windowLeft, func(r record.Record) float64 { return r.Silence })
	fact(record.PresenceAll, 10000, "10,000 users who connect at once, with everyone notified of everyone: a page receives %s B in the worst second and %s B in all.",
		record.Record.PagePeak, record.Record.PageBytes)
	for _, r := range s.of(ours, record.Response, 1) {
		bare, ok := s.median(ours, record.ResponseBare, 1, p50)
		if ok {
			fmt.Fprintf(&b, "- A response takes %s µs over HTTP if the request sends one event, and %s µs if it sends none (medians).\n",
				digits(p50(r)/1000), digits(bare/1000))
		}
	}
	if v, ok := s.ratio(deflate, ours, record.HTML, 1000, record.Record.CPUPerDelivery); ok {
		packed, _ := s.median(deflate, record.HTML, 1000, record.Record.BytesPerDelivery)
		plain, _ := s.median(ours, record.HTML, 1000, record.Record.BytesPerDelivery)
		fmt.Fprintf(&b, "- With compression, 20 KB of HTML to 1,000 connections take %s of the bytes and %s of the CPU.\n", digits(packed/plain), digits(v))
	}
	return b.String()
}
