package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/echo-pull/pull/bench/internal/record"
	"github.com/echo-pull/pull/bench/internal/report"
)

func reportCommand(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("report", flag.ExitOnError)
	in := flags.String("in", "results.jsonl", "what runs wrote, separated by commas; a later run replaces what it measured again; files may be missing")
	timings := flags.String("timings", "timings.txt", "what go test -bench printed; may be missing")
	out := flags.String("out", "../docs/benchmarks.md", "page for the tables; plots go into benchmarks/ beside it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var r report.Results
	for name := range strings.SplitSeq(*in, ",") {
		if err := readRun(name, &r); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(r.Machines) == 0 {
		return fmt.Errorf("no results in %s", *in)
	}
	if *timings != "" {
		if err := readTimings(*timings, &r); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return report.Write(r, *out)
}

func readRun(name string, r *report.Results) error {
	file, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	machine, records, err := record.Read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for i := range records {
		records[i].Run = len(r.Machines)
	}
	r.Machines, r.Records = append(r.Machines, machine), append(r.Records, records...)
	return nil
}

func readTimings(name string, r *report.Results) error {
	file, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	r.Timings, err = record.ReadTimings(file)
	return err
}
