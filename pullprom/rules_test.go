package pullprom_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/echo-pull/pull/pullprom"
)

// lookPath returns the path of a program of Prometheus, or skips the test. Under CI nothing
// is skipped.
func lookPath(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(program + " is missing: run scripts/setup")
		}
		t.Skip(program + " is missing: run scripts/setup")
	}
	return path
}

// promtool runs the program with the arguments.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), lookPath(t, "promtool"), args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPromtoolAcceptsTheScrape(t *testing.T) { promtool(t, scrape(t), "check", "metrics") }

func TestPromtoolAcceptsTheAlerts(t *testing.T) { promtool(t, "", "check", "rules", "alerts.yaml") }

// alerts_test.yaml says when each alert fires, and that a healthy node raises none.
func TestAlertsFireWhenTheyShould(t *testing.T) { promtool(t, "", "test", "rules", "alerts_test.yaml") }

// scrape returns what Prometheus gets.
func scrape(t *testing.T) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(pullprom.NewCollector(plugin(t)))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// expressions returns those of all panels of the dashboard.
func expressions(t *testing.T) []string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all = append(all, target.Expr)
		}
	}
	if len(all) < 20 {
		t.Fatalf("the dashboard has %d expressions, want more", len(all))
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// allOf replaces the variables of the dashboard as Grafana does if everything is selected.
func allOf(interval string) *strings.Replacer {
	return strings.NewReplacer("$__rate_interval", interval, "$job", ".*", "$plugin", ".*", "$instance", ".*")
}

// The expressions of the dashboard, as rules.
func TestPromtoolAcceptsTheDashboard(t *testing.T) {
	type rule struct {
		Record string            `json:"record"`
		Expr   string            `json:"expr"`
		Labels map[string]string `json:"labels"`
	}
	var rules []rule
	for _, expr := range expressions(t) {
		rules = append(rules, rule{"dashboard:panel", allOf("5m").Replace(expr), map[string]string{"expr": expr}})
	}
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml") // JSON is YAML
	write(t, file, string(text))
	promtool(t, "", "check", "rules", file)
}

var (
	series = regexp.MustCompile(`\bpull_[a-z_]+`)
	alert  = regexp.MustCompile(`\bPull[A-Z]\w+`)
	suffix = regexp.MustCompile(`_(bucket|sum|count)$`)
	label  = regexp.MustCompile(`(\w+)=~?"([^"]*)"`)
)

// A name that is misspelled selects nothing, which no program reports.
func TestDashboardAndAlertsUseWhatExists(t *testing.T) {
	have := scrape(t)
	used := map[string]string{
		"dashboard.json":   read(t, "dashboard.json"),
		"alerts.yaml":      read(t, "alerts.yaml"),
		"alerts_test.yaml": read(t, "alerts_test.yaml"),
	}
	for file, text := range used {
		names := series.FindAllString(text, -1)
		for _, name := range names {
			if !strings.Contains(have, "\n# TYPE "+suffix.ReplaceAllString(name, "")+" ") {
				t.Errorf("%s uses %s, which does not exist", file, name)
			}
		}
		if len(names) == 0 {
			t.Errorf("%s uses nothing", file)
		}
	}
	for _, name := range series.FindAllString(have, -1) {
		name = suffix.ReplaceAllString(name, "")
		if strings.Contains(have, "# TYPE "+name+" ") && !strings.Contains(used["dashboard.json"], name) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
	for _, l := range label.FindAllStringSubmatch(used["alerts.yaml"], -1) {
		for value := range strings.SplitSeq(l[2], "|") {
			if !regexp.MustCompile(l[1] + `="` + value + `"`).MatchString(have) {
				t.Errorf("alerts.yaml uses %s=%q, which no metric has", l[1], value)
			}
		}
	}
}

func TestEveryAlertIsTestedAndDocumented(t *testing.T) {
	alerts := alert.FindAllString(read(t, "alerts.yaml"), -1)
	slices.Sort(alerts)
	tests, document := read(t, "alerts_test.yaml"), read(t, "../docs/metrics.md")
	for _, name := range slices.Compact(alerts) {
		if !strings.Contains(tests, `"`+name+`"`) {
			t.Errorf("no test of %s", name)
		}
		if !strings.Contains(document, "| `"+name+"` |") {
			t.Errorf("docs/metrics.md does not explain %s", name)
		}
	}
	if len(alerts) < 10 {
		t.Errorf("found %d alerts, want more", len(alerts))
	}
}

// The maps of Stats have all keys from the start, and docs/metrics.md explains each.
func TestDocumentExplainsEveryLabel(t *testing.T) {
	document := read(t, "../docs/metrics.md")
	found := 0
	for line := range strings.SplitSeq(scrape(t), "\n") {
		m := regexp.MustCompile(`^pull_\w+\{(?:transport|reason|cause|outcome)="(\w+)"\} 0$`).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		found++
		if !strings.Contains(document, "| `"+m[1]+"` |") && !strings.Contains(document, "`"+m[1]+"`,") {
			t.Errorf("docs/metrics.md does not explain %s", line)
		}
	}
	if found < 30 {
		t.Errorf("found %d values of labels, want more", found)
	}
}
