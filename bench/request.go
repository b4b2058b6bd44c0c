package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"

	"github.com/echo-pull/pull/bench/internal/driver"
)

func requestCommand(ctx context.Context, args []string) error {
	c := driver.Comparison{Progress: os.Stdout}
	flags := flag.NewFlagSet("request", flag.ExitOnError)
	flags.StringVar(&c.Against, "against", "", "another build of this program, which takes turns with this one")
	flags.IntVar(&c.Rounds, "rounds", 60, "in each of which every handler gets 250 requests")
	flags.IntVar(&c.Rate, "rate", 2000, "requests per second, one after the other")
	out := flags.String("out", "response.jsonl", "file for the results")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if c.Rounds < 1 || c.Rate < 1 {
		return errors.New("rounds and rate must be positive")
	}
	return into(*out, func(results io.Writer) error {
		c.Results = results
		return c.Run(ctx)
	})
}
