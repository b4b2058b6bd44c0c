// Package report turns the records of a run into a page of tables and plots.
package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/echo-pull/pull/bench/internal/record"
)

//go:embed benchmarks.md.tmpl
var page string

// The results are between these two lines of the page. The hand-written text
// around them stays.
const (
	opening = "<!-- results: written by bench report -->\n"
	closing = "<!-- end of results -->\n"
)

// Results is everything that a page shows.
type Results struct {
	Machines []record.Machine // of the runs, in the order in which Records count them
	Records  []record.Record
	Timings  record.Timings // may be nil
}

// Write writes the results into the file, and the plots into a directory beside it.
func Write(r Results, file string) error {
	text, err := r.page()
	if err != nil {
		return err
	}
	plots := set(r.Records).plots()
	maps.Copy(plots, timings(r.Timings).plots())
	folder := filepath.Join(filepath.Dir(file), "benchmarks")
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // published documents
		return err
	}
	for name, plot := range plots {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(plot), 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	around, err := os.ReadFile(filepath.Clean(file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(file, insert(around, text), 0o644) //nolint:gosec // as above
}

// insert replaces the text between the lines, or the whole text if it does not
// have them.
func insert(around, results []byte) []byte {
	before, rest, found := bytes.Cut(around, []byte(opening))
	_, after, closed := bytes.Cut(rest, []byte(closing))
	if !found || !closed {
		before, after = []byte("# Benchmarks\n\n"), nil
	}
	return bytes.Join([][]byte{before, []byte(opening), results, []byte(closing), after}, nil)
}

// page executes the template; its functions are the tables.
func (r Results) page() ([]byte, error) {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return nil, err
	}
	s, measured := set(r.Records), timings(r.Timings)
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		set
		timings

		Machine     record.Machine
		Days        string
		Repetitions int
		Users       string
		Reach       string
	}{s, measured, r.Machines[len(r.Machines)-1], r.days(), s.repetitions(), count(float64(s.typical())), s.reach(append(aims(), measured.aims()...))})
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return b.Bytes(), nil
}

// days lists which peers were measured on which day, if there are several.
func (r Results) days() string {
	const day = "2006-01-02"
	first := r.Machines[0].Date.Format(day)
	if !slices.ContainsFunc(r.Machines, func(m record.Machine) bool { return m.Date.Format(day) != first }) {
		return ""
	}
	t := table{head: []string{"day", "measured"}}
	for run, machine := range r.Machines {
		var found []string
		for _, rec := range r.Records {
			what := rec.Peer + ": " + rec.Workload
			if rec.Run == run && set(r.Records).latest(rec.Peer, rec.Workload, rec.Users) == run && !slices.Contains(found, what) {
				found = append(found, what)
			}
		}
		if len(found) > 0 {
			t.rows = append(t.rows, []string{machine.Date.Format("2006-01-02 15:04"), grouped(found)})
		}
	}
	return t.String()
}

// grouped joins workloads of the same peer.
func grouped(found []string) string {
	var b strings.Builder
	last := ""
	for _, what := range found {
		peer, workload, _ := strings.Cut(what, ": ")
		switch {
		case peer == last:
			b.WriteString(", " + workload)
		case last != "":
			b.WriteString("; " + what)
		default:
			b.WriteString(what)
		}
		last = peer
	}
	return b.String()
}
