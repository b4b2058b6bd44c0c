package report

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/bench/internal/record"
)

func TestPageKeepsWhatPeopleWrote(t *testing.T) {
	got := string(insert([]byte("# Ours\n"+opening+"old\n"+closing+"a note\n"), []byte("new\n")))

	if want := "# Ours\n" + opening + "new\n" + closing + "a note\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRatiosCompareWithinARepetition(t *testing.T) {
	s := set{
		{Repetition: 0, Peer: ours, Workload: record.Broadcast1, Users: 1000, Deliveries: 1, CPU: 1000},
		{Repetition: 0, Peer: centrifuge, Workload: record.Broadcast1, Users: 1000, Deliveries: 1, CPU: 2000},
		{Repetition: 1, Peer: ours, Workload: record.Broadcast1, Users: 1000, Deliveries: 1, CPU: 9000},
		{Repetition: 1, Peer: centrifuge, Workload: record.Broadcast1, Users: 1000, Deliveries: 1, CPU: 18000},
	}

	got, ok := s.ratio(ours, centrifuge, record.Broadcast1, 1000, record.Record.CPUPerDelivery)

	if !ok || got != 0.5 {
		t.Errorf("got %v, want 0.5", got)
	}
}

func TestALossIsMarked(t *testing.T) {
	s := set{{Peer: "melody", Workload: record.Broadcast32, Users: 1000, Deliveries: 1, CPU: 5000, Lost: 3}}

	table, list := s.CPU(record.Broadcast32), s.Astray()

	if !strings.Contains(table, "5.00 †") || !strings.Contains(list, "melody, 1,000 connections, broadcast-32, repetition 1: 3 lost") {
		t.Errorf("got %s and %s, want a mark and a line", table, list)
	}
}

func TestPlotsAreXML(t *testing.T) {
	records := []record.Record{
		{Peer: ours, Workload: record.Broadcast1, Users: 100, Deliveries: 1000, CPU: 7 * time.Millisecond, Elapsed: time.Second},
		{Peer: ours, Workload: record.Broadcast1, Users: 1000, Deliveries: 1000, CPU: 9 * time.Millisecond, Elapsed: time.Second},
		{Peer: ours, Workload: record.Idle, Users: 1000, RSS: 12800},
		{Peer: ours, Workload: record.LatencySame, Users: 1000, Deliveries: 1, P99: time.Millisecond},
	}
	file := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := Write(Results{Machines: []record.Machine{{}}, Records: records, Timings: record.Timings{"Routing/sessions=10": {Nanoseconds: 5}, "Routing/sessions=100": {Nanoseconds: 5}}}, file); err != nil {
		t.Fatal(err)
	}
	plots, err := filepath.Glob(filepath.Join(filepath.Dir(file), "benchmarks", "*.svg"))
	if err != nil || len(plots) < 3 {
		t.Fatalf("got plots %v, %v, want some", plots, err)
	}
	for _, plot := range plots {
		checkPlot(t, plot)
	}
}

func checkPlot(t *testing.T, plot string) {
	t.Helper()
	text, err := os.ReadFile(plot)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "NaN") || strings.Contains(string(text), "Inf") {
		t.Errorf("%s draws what is no number", plot)
	}
	for d := xml.NewDecoder(strings.NewReader(string(text))); err == nil; {
		_, err = d.Token()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("%s: %v", plot, err)
	}
}
