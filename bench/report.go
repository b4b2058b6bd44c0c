package main

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/echo-pull/pull/bench/internal/record"
	"github.com/echo-pull/pull/bench/internal/report"
)

func reportCommand(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("report", flag.ExitOnError)
	in := flags.String("in", "results.jsonl", "what a run wrote")
	timings := flags.String("timings", "timings.txt", "what go test -bench printed; may be missing")
	out := flags.String("out", "../docs/benchmarks.md", "page for the tables; plots go into benchmarks/ beside it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var r report.Results
	if err := readRun(*in, &r); err != nil {
		return err
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
	r.Machine, r.Records, err = record.Read(file)
	return err
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
