package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/echo-pull/pull/bench/internal/soak"
)

func soakCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("soak", flag.ExitOnError)
	program := flags.String("program", "bin/example", "the example, built")
	short := flags.Bool("short", false, "three minutes with 400 pages, instead of 30 with 2,000")
	length := flags.Duration("for", 0, "how long the faults last, if not as long as usual")
	pages := flags.Int("pages", 0, "how many pages there are, if not as many as usual")
	out := flags.String("out", "", "SVG file for the lines; none if empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	plan := soak.Long()
	if *short {
		plan = soak.Short()
	}
	if *length > 0 {
		plan.For = *length
	}
	if *pages > 0 {
		plan.Pages = *pages
	}
	folder, err := os.MkdirTemp("", "pull-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // temporary
	plan.Program, plan.Folder = *program, folder
	plan.Log = func(format string, args ...any) { _, _ = fmt.Fprintf(os.Stdout, format+"\n", args...) }
	result, err := soak.Run(ctx, plan)
	if err != nil {
		return err
	}
	return reportSoak(result, *out)
}

// reportSoak prints what a run has seen, and draws its lines.
func reportSoak(result soak.Result, out string) error {
	for _, text := range result.Summary {
		_, _ = fmt.Fprintln(os.Stdout, text)
	}
	for _, verdict := range result.Verdicts {
		_, _ = fmt.Fprintln(os.Stdout, verdict)
	}
	if out != "" {
		if err := os.WriteFile(filepath.Clean(out), []byte(soak.Plot(result)), 0o644); err != nil { //nolint:gosec // a picture, for everyone
			return err
		}
	}
	if !result.OK() {
		return errors.New("the soak has failed")
	}
	return nil
}
