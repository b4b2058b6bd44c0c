package metrics_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/metrics"
	"github.com/echo-pull/pull/internal/tally"
)

// elsewhere are the fields of Stats that are no metric of their own.
var elsewhere = map[string]string{
	"Sessions": "the sum of Transports",
	"Gaps":     "the sum of GapsBy",
	"Cut":      "a sum of two of CutBy",
	"Node":     "a label of pull_info",
	"Epoch":    "a label of pull_info",
}

func TestEveryFieldOfStatsIsMeasuredOnce(t *testing.T) {
	measured := map[string]int{}
	for _, m := range metrics.All() {
		measured[m.Field]++
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[engine.Stats]()) {
		want := 1
		if elsewhere[field.Name] != "" {
			want = 0
		}
		if measured[field.Name] != want {
			t.Errorf("%s is the value of %d metrics, want %d", field.Name, measured[field.Name], want)
		}
		delete(measured, field.Name)
	}
	for field := range measured {
		t.Errorf("Stats has no %s", field)
	}
}

// Each metric reads its own field and no other.
func TestEveryMetricReadsItsField(t *testing.T) {
	for _, m := range metrics.All() {
		for _, field := range reflect.VisibleFields(reflect.TypeFor[engine.Stats]()) {
			var s engine.Stats
			set(reflect.ValueOf(&s).Elem().FieldByName(field.Name))
			if got := isSet(t, &m, &s); got != (field.Name == m.Field) {
				t.Errorf("%s reads %s: %t", m.Name, field.Name, got)
			}
		}
	}
}

// set makes a field one second, or one of something.
func set(field reflect.Value) {
	switch value := field.Addr().Interface().(type) {
	case *map[string]int:
		*value = map[string]int{"x": 1}
	case *map[string]uint64:
		*value = map[string]uint64{"x": 1}
	case *tally.Histogram:
		value.Sum = 1
	case *string:
		*value = "x"
	case *uint64:
		*value = 1
	default:
		field.SetInt(1e9) // a duration of a second, or a number
	}
}

func isSet(t *testing.T, m *metrics.Metric, s *engine.Stats) bool {
	t.Helper()
	switch {
	case m.Histogram != nil && m.Map == nil && m.Value == nil:
		return m.Histogram(s).Sum == 1
	case m.Map != nil && m.Histogram == nil && m.Value == nil && m.Label != "":
		return m.Map(s)["x"] == 1
	case m.Value != nil && m.Map == nil && m.Histogram == nil && m.Label == "":
		if v := m.Value(s); m.Unit == metrics.Seconds && v > 1 {
			t.Errorf("%s is %v, want seconds", m.Name, v)
		}
		return m.Value(s) != 0
	}
	t.Errorf("%s has not exactly one function", m.Name)
	return false
}

var name = regexp.MustCompile(`^pull(\.[a-z]+(_[a-z]+)*)+$`)

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range metrics.All() {
		if !name.MatchString(m.Name) {
			t.Errorf("%s is not a name", m.Name)
		}
		if p := m.Prometheus(); seen[p] {
			t.Errorf("%s twice", p)
		} else {
			seen[p] = true
		}
		if !strings.HasSuffix(m.Help, ".") && !strings.HasSuffix(m.Help, ".)") {
			t.Errorf("%s: %q is no sentence", m.Name, m.Help)
		}
	}
	for name, want := range map[string]string{"pull.log.lag": "pull_log_lag_seconds", "pull.refusals": "pull_refusals_total", "pull.publisher.queue.size": "pull_publisher_queue_size_bytes"} {
		found := false
		for _, m := range metrics.All() {
			found = found || m.Name == name && m.Prometheus() == want
		}
		if !found {
			t.Errorf("no metric is %s and %s", name, want)
		}
	}
}

// The table of docs/metrics.md is the list, in its order and its words.
func TestDocumentListsEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n| in Prometheus | in OpenTelemetry | |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("docs/metrics.md has no table of metrics")
	}
	var want []string
	for _, m := range metrics.All() {
		prometheus := "`" + m.Prometheus() + "`"
		if m.Label != "" {
			prometheus = "`" + m.Prometheus() + "{" + m.Label + "}`"
		}
		want = append(want, "| "+prometheus+" | `"+m.Name+"` | "+m.Help+" |")
	}
	if want := strings.Join(want, "\n"); table != want {
		t.Errorf("the table of docs/metrics.md is stale, want\n%s", want)
	}
}
