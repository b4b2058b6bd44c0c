package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/echo-pull/pull/bench/internal/record"
)

// nothing is the text of a cell without a measurement.
const nothing = "–"

// A table is a Markdown table.
type table struct {
	head []string
	rows [][]string
}

func (t table) String() string {
	var b strings.Builder
	row := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	row(t.head)
	b.WriteString("|---|" + strings.Repeat("--:|", len(t.head)-1) + "\n")
	for _, cells := range t.rows {
		row(cells)
	}
	return b.String()
}

// byUsers returns one figure of a workload: a row for each peer, a column for
// each number of users.
func (s set) byUsers(workload string, cell func(peer, workload string, users int) string) string {
	t := table{head: []string{"connections"}}
	users := s.users(workload)
	for _, n := range users {
		t.head = append(t.head, count(float64(n)))
	}
	for _, peer := range s.peers() {
		row, some := []string{name(peer)}, false
		for _, n := range users {
			text := cell(peer, workload, n)
			row, some = append(row, text), some || text != nothing
		}
		if some {
			t.rows = append(t.rows, row)
		}
	}
	return t.String()
}

// CPU returns the table of server CPU per delivery, with ratios.
func (s set) CPU(workload string) string {
	return s.byUsers(workload, func(peer, workload string, users int) string {
		value, ok := s.median(peer, workload, users, record.Record.CPUPerDelivery)
		if !ok {
			return s.absent(peer, workload, users)
		}
		text := digits(value)
		if a, ok := s.ratio(peer, centrifuge, workload, users, record.Record.CPUPerDelivery); ok && peer != centrifuge {
			text += " · " + digits(a) + " c"
		}
		if b, ok := s.ratio(peer, raw, workload, users, record.Record.CPUPerDelivery); ok && peer != raw {
			text += " · " + digits(b) + " r"
		}
		return text + s.mark(peer, workload, users)
	})
}

// Rate returns the table of deliveries per second.
func (s set) Rate(workload string) string {
	return s.byUsers(workload, func(peer, workload string, users int) string {
		return s.cell(peer, workload, users, record.Record.DeliveriesPerSecond, count)
	})
}

// Wire returns the table of bytes that clients receive for each delivery.
func (s set) Wire(workload string) string {
	return s.byUsers(workload, func(peer, workload string, users int) string {
		return s.cell(peer, workload, users, record.Record.BytesPerDelivery, count)
	})
}

// Memory returns the table of resident memory per idle connection.
func (s set) Memory() string {
	return s.byUsers(record.Idle, func(peer, workload string, users int) string {
		return s.cell(peer, workload, users, func(r record.Record) float64 { return r.RSS }, kilobytes)
	})
}

// Inside breaks down the idle memory of a Go server, at the most connections.
func (s set) Inside() string {
	t := table{head: []string{"", "heap", "stacks", "goroutines"}}
	users := s.users(record.Idle)
	if len(users) == 0 {
		return ""
	}
	most := users[len(users)-1]
	for _, peer := range s.peers() {
		stack, _ := s.median(peer, record.Idle, most, func(r record.Record) float64 { return r.Stack })
		if stack == 0 { // Node does not report it
			continue
		}
		t.rows = append(t.rows, []string{
			name(peer),
			s.cell(peer, record.Idle, most, func(r record.Record) float64 { return r.Heap }, kilobytes),
			s.cell(peer, record.Idle, most, func(r record.Record) float64 { return r.Stack }, kilobytes),
			s.cell(peer, record.Idle, most, func(r record.Record) float64 { return r.Goroutines }, digits),
		})
	}
	return t.String()
}

// Allocations returns the table of heap objects per delivery.
func (s set) Allocations() string {
	workloads := []string{record.Broadcast1, record.Broadcast32, record.User, record.Tag, record.Request}
	t := table{head: append([]string{""}, workloads...)}
	for _, peer := range s.peers() {
		row, sum := []string{name(peer)}, 0.0
		for _, w := range workloads {
			value, _ := s.median(peer, w, s.typical(), record.Record.AllocsPerDelivery)
			sum += value
			row = append(row, s.cell(peer, w, s.typical(), record.Record.AllocsPerDelivery, digits))
		}
		if sum > 0 { // Node does not report it
			t.rows = append(t.rows, row)
		}
	}
	return t.String()
}

// Latency returns the table of how late messages arrive.
func (s set) Latency(workload string) string {
	t := table{head: []string{"", "messages/s", "p50", "p99", "p99.9", "max"}}
	for _, users := range s.users(workload) {
		for _, peer := range s.peers() {
			if _, ok := s.median(peer, workload, users, rate); !ok {
				continue
			}
			row := []string{name(peer), s.cell(peer, workload, users, rate, count)}
			for _, f := range []figure{p50, p99, p999, longest} {
				row = append(row, s.cell(peer, workload, users, f, milliseconds))
			}
			t.rows = append(t.rows, row)
		}
	}
	return t.String()
}

// Stalled returns the table of how one stalled reader affects the others.
func (s set) Stalled() string {
	t := table{head: []string{"", "p99, all read", "its range over repetitions", "p99, one has stopped", "max, one has stopped"}}
	for _, users := range s.users(record.Reading) {
		for _, peer := range s.peers() {
			values := s.values(peer, record.Reading, users, p99)
			if len(values) == 0 {
				continue
			}
			least, most := span(values)
			t.rows = append(t.rows, []string{
				name(peer),
				s.cell(peer, record.Reading, users, p99, milliseconds),
				milliseconds(least) + " – " + milliseconds(most),
				s.cell(peer, record.Stalled, users, p99, milliseconds),
				s.cell(peer, record.Stalled, users, longest, milliseconds),
			})
		}
	}
	return t.String()
}

// cell returns the median of a figure, marked if messages went astray.
func (s set) cell(peer, workload string, users int, f figure, format func(float64) string) string {
	value, ok := s.median(peer, workload, users, f)
	if !ok {
		return s.absent(peer, workload, users)
	}
	return format(value) + s.mark(peer, workload, users)
}

func (s set) mark(peer, workload string, users int) string {
	marks := ""
	if !s.clean(peer, workload, users) {
		marks += " †"
	}
	if s.disturbed(peer, workload, users) {
		marks += " ‡"
	}
	return marks
}

// absent distinguishes a failed measurement from one that was not made.
func (s set) absent(peer, workload string, users int) string {
	if s.clean(peer, workload, users) {
		return nothing
	}
	return "failed †"
}

// Astray lists every measurement in which a message did not arrive as it should.
func (s set) Astray() string {
	var b strings.Builder
	for _, r := range s {
		if r.Clean() || r.Run < s.latest(r.Peer, r.Workload, r.Users) {
			continue
		}
		fmt.Fprintf(&b, "- %s, %s connections, %s, repetition %d: ", name(r.Peer), count(float64(r.Users)), r.Workload, r.Repetition+1)
		switch {
		case r.Error != "":
			b.WriteString(reason(r.Error) + "\n")
		default:
			fmt.Fprintf(&b, "%d lost, %d out of order or twice, %d to the wrong user, %d connections closed, %d refused%s\n",
				r.Lost, r.Disordered, r.Strangers, r.Closed, r.Refused, map[bool]string{true: ", no more progress"}[r.Stuck])
		}
	}
	if b.Len() == 0 {
		return "None: every message of every measurement came once and in order.\n"
	}
	return b.String()
}

// Versions lists the versions of what was compared.
func (s set) Versions() string {
	t := table{head: []string{"", "version"}}
	for _, peer := range s.peers() {
		if v := s.version(peer); v != "" {
			t.rows = append(t.rows, []string{name(peer), v})
		}
	}
	return t.String()
}

// typical returns the number of connections at which latency was measured too.
func (s set) typical() int {
	if users := s.users(record.LatencySame); len(users) > 0 {
		return users[0]
	}
	if users := s.users(record.Broadcast1); len(users) > 0 {
		return users[0]
	}
	return 0
}

func p50(r record.Record) float64     { return float64(r.P50) }
func p99(r record.Record) float64     { return float64(r.P99) }
func p999(r record.Record) float64    { return float64(r.P999) }
func longest(r record.Record) float64 { return float64(r.Max) }
func rate(r record.Record) float64    { return r.Rate }

func name(peer string) string {
	if peer == ours {
		return "**pull**"
	}
	return peer
}

// reason returns the first line of an error, without addresses.
func reason(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if _, after, ok := strings.Cut(text, "\": "); ok {
		text = after
	}
	return text
}

func digits(v float64) string {
	switch {
	case v >= 100:
		return count(v)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// count formats a number with a comma at each thousand.
func count(v float64) string {
	text := strconv.FormatFloat(v, 'f', 0, 64)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

func kilobytes(v float64) string    { return strconv.FormatFloat(v/1024, 'f', 1, 64) + " KB" }
func milliseconds(v float64) string { return digits(v/float64(time.Millisecond)) + " ms" }
