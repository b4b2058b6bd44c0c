package pullprom_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pullprom"
)

// Prometheus itself scrapes a plugin, and an alert fires and is resolved.
func TestPrometheusScrapesAndAlerts(t *testing.T) {
	t.Parallel()
	source := &filling{Plugin: plugin(t)}
	s := startPrometheus(t, source)

	s.waitFor(t, `pull_messages_total`, "1")
	s.waitFor(t, `sum(pull_sessions{transport=~".+"})`, "0")
	s.waitFor(t, `pull_log_lag_seconds_count == bool on (instance) pull_log_lag_seconds_bucket{le="+Inf"}`, "1")
	s.waitFor(t, `count(ALERTS) or vector(0)`, "0")

	source.events.Store(40_000)
	s.waitFor(t, `count(ALERTS{alertname="PullQueueFilling", alertstate="firing"}) or vector(0)`, "1")

	source.events.Store(0)
	s.waitFor(t, `count(ALERTS) or vector(0)`, "0")
}

// Each expression of the dashboard selects something, unless there is nothing yet.
func TestDashboardShowsAPlugin(t *testing.T) {
	t.Parallel()
	s := startPrometheus(t, &filling{Plugin: plugin(t)})
	s.waitFor(t, `count_over_time(pull_messages_total[1m]) >= bool 4`, "1") // enough for rates

	for _, expr := range expressions(t) {
		got, err := s.query(t.Context(), fmt.Sprintf("count(%s)", strings.TrimSuffix(allOf("5s").Replace(expr), " > 0")))
		if got == "" {
			t.Errorf("%s: %v, want results", expr, err)
		}
	}
}

// A filling source is a plugin whose queue has as many events as a test wants.
type filling struct {
	*pull.Plugin
	events atomic.Int64
}

func (f *filling) Stats() pull.Stats {
	stats := f.Plugin.Stats()
	stats.PublisherEvents = int(f.events.Load())
	return stats
}

// A server is a Prometheus that scrapes and evaluates four times a second.
type server struct{ address string }

// startPrometheus starts one that scrapes a source and has the alerts, which do not wait
// before they fire. It ends with the test.
func startPrometheus(t *testing.T, source pullprom.Source) *server {
	t.Helper()
	program := lookPath(t, "prometheus")
	registry := prometheus.NewRegistry()
	registry.MustRegister(pullprom.NewCollector(source))
	target := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(target.Close)

	dir, address := t.TempDir(), freeAddress(t)
	write(t, filepath.Join(dir, "alerts.yaml"), regexp.MustCompile(`(?m)^ *for: .*\n`).ReplaceAllString(read(t, "alerts.yaml"), ""))
	write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`
global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}
rule_files: [alerts.yaml]
scrape_configs: [{job_name: app, static_configs: [{targets: [%q]}]}]
`, target.Listener.Addr()))

	var log bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program,
		"--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("Prometheus ended with %v\n%s", err, &log)
		}
	})
	return &server{address}
}

// waitFor waits until a query has one result with the value.
func (s *server) waitFor(t *testing.T, query, want string) {
	t.Helper()
	deadline, again := time.After(30*time.Second), time.NewTicker(50*time.Millisecond)
	defer again.Stop()
	for {
		got, err := s.query(t.Context(), query)
		if err == nil && got == want {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("%s is %q (%v), want %s", query, got, err, want)
		}
	}
}

// query returns the value of a query, or an error if Prometheus does not answer.
func (s *server) query(ctx context.Context, query string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/api/v1/query?query="+url.QueryEscape(query), nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", err
	}
	if len(answer.Data.Result) != 1 {
		return "", fmt.Errorf("%d results %s", len(answer.Data.Result), answer.Error)
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1]), nil
}

// freeAddress returns an address at which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
