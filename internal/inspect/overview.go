package inspect

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/tally"
)

const recentMessages = 50 // on the overview

// overviewPage is the contents of the first page.
type overviewPage struct {
	Live   liveView
	Recent []messageRow
}

// liveView is what changes every two seconds.
type liveView struct {
	At     string
	Since  string // when the first sample was taken; empty if that is five minutes ago
	Plots  []plot
	Groups []group
	Nodes  []nodeRow
}

// A nodeRow is a node in a table.
type nodeRow struct {
	ID, State string
	Users     int
}

// A group is a list of numbers.
type group struct {
	Title string
	Rows  []row
	None  string // what is shown if there are no rows
}

type row struct{ Name, Value string }

// overview shows the state of the node.
func (i *Inspector) overview(f *frame, v *Visit) {
	now := time.Now()
	i.look(now)
	head, grant, err := v.Live(i.tag)
	if err != nil {
		f.NoLive = strings.TrimPrefix(err.Error(), "pull: ")
	}
	f.Title, f.Head, f.Grant = "Overview", head, grant
	f.Contents = overviewPage{Live: i.current(now), Recent: i.recent("")}
}

// current returns what is live.
func (i *Inspector) current(now time.Time) liveView {
	i.mu.Lock()
	all := i.samples.all()
	i.mu.Unlock()

	s := i.engine.Stats()
	view := liveView{At: now.UTC().Format(time.TimeOnly), Plots: plots(all), Groups: groupsOf(&s), Nodes: i.nodes(now)}
	switch {
	case len(all) == 0:
		view.Since = view.At
	case len(all) < samples:
		view.Since = all[0].at.UTC().Format(time.TimeOnly)
	}
	return view
}

// nodes returns the nodes that this one knows, itself first.
func (i *Inspector) nodes(now time.Time) []nodeRow {
	var rows []nodeRow
	for _, n := range i.engine.Nodes() {
		state := "last message " + span(now.Sub(n.Heard).Truncate(time.Second)) + " ago"
		switch {
		case n.Self:
			state = "this node"
		case n.Stopping:
			state = "stopping"
		case n.Silent:
			state = "silent: " + state
		}
		rows = append(rows, nodeRow{n.ID, state, n.Users})
	}
	return rows
}

// sampleOf returns the sample of the counters.
func sampleOf(s *engine.Stats, now time.Time) sample {
	return sample{
		at: now, events: s.Messages, deliveries: s.Deliveries, sessions: s.Sessions, waiting: s.PublisherEvents,
		problems: s.Gaps + sum(s.CutBy) + sum(s.Refused),
	}
}

func sum(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// groupsOf returns the counters, in groups.
func groupsOf(s *engine.Stats) []group {
	return []group{
		{Title: "This node", Rows: nodeRows(s)},
		{Title: "Connections", Rows: connectionRows(s)},
		{Title: "Events", Rows: eventRows(s)},
		{Title: "Gaps", Rows: counted(s.GapsBy), None: "No page was notified of a gap."},
		{Title: "Closed by the server", Rows: counted(s.CutBy), None: "The server has closed no connection."},
		{Title: "Refused", Rows: counted(s.Refused), None: "No request was refused."},
		{Title: "Notifications", Rows: pushRows(s), None: "None were sent."},
	}
}

func nodeRows(s *engine.Stats) []row {
	rows := []row{
		{"Name", s.Node},
		{"Nodes that share the log", number(s.Nodes)},
		{"Epoch of the log", orNone(s.Epoch)},
		{"Position in the log", grouped(s.Offset)},
		{"Events in the window", number(s.WindowMessages)},
		{"Size of the window", size(s.WindowBytes)},
		{"Oldest event in the window", span(s.WindowOldest)},
		{"Events that wait for the log", number(s.PublisherEvents)},
		{"Failed calls of the broker", grouped(s.PublishFailures)},
	}
	if s.TxOutboxAge > 0 {
		rows = append(rows, row{"Oldest row of the outbox", span(s.TxOutboxAge)})
	}
	return rows
}

func connectionRows(s *engine.Stats) []row {
	return []row{
		{"All", number(s.Sessions)},
		{"WebSockets", number(s.Transports["websocket"])},
		{"Server-Sent Events", number(s.Transports["sse"])},
		{"Streams for htmx and Datastar", number(s.Transports["html"])},
		{"Of guests", number(s.Guests)},
		{"Users online, on all nodes", number(s.Users)},
		{"Watches of users, on all nodes", number(s.Watches)},
		{"Watches of pages", number(s.PageWatches)},
	}
}

func eventRows(s *engine.Stats) []row {
	return []row{
		{"From the log", grouped(s.Messages)},
		{"Deliveries", grouped(s.Deliveries)},
		{"Pages that have recovered", grouped(s.Recovered)},
		{"Replayed", grouped(s.Replayed)},
		{"Handler to log, median", within(&s.LogLag, .5)},
		{"Handler to log, 99 %", within(&s.LogLag, .99)},
		{"Handler to page, median", within(&s.FirstWrite, .5)},
		{"Handler to page, 99 %", within(&s.FirstWrite, .99)},
	}
}

func pushRows(s *engine.Stats) []row {
	rows := counted(s.Pushes)
	if s.PushesWaiting > 0 {
		rows = append(rows, row{"waiting", number(s.PushesWaiting)})
	}
	if s.PushesDropped > 0 {
		rows = append(rows, row{"dropped", grouped(s.PushesDropped)})
	}
	return rows
}

// counted returns the counters above 0, the largest first.
func counted(counts map[string]uint64) []row {
	names := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case counts[a] > counts[b]:
			return -1
		case counts[a] < counts[b]:
			return 1
		}
		return 0
	})
	var rows []row
	for _, name := range names {
		if counts[name] > 0 {
			rows = append(rows, row{strings.ReplaceAll(name, "_", " "), grouped(counts[name])})
		}
	}
	return rows
}

// within returns the time within which a part of what a histogram has measured was
// done, to the precision of its buckets.
func within(h *tally.Histogram, part float64) string {
	all := h.Count()
	if all == 0 {
		return "–"
	}
	var below uint64
	for b, n := range h.Counts {
		below += n
		if float64(below) >= part*float64(all) && b < len(h.Bounds) {
			return "≤ " + span(time.Duration(h.Bounds[b]*float64(time.Second)))
		}
	}
	return "> " + span(time.Duration(h.Bounds[len(h.Bounds)-1]*float64(time.Second)))
}

func number(n int) string { return grouped(uint64(max(n, 0))) }

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
