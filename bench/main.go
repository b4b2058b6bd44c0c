// Command bench runs pull and its alternatives with the same work and compares
// them. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `which command?

  bench run      take the peers through the workloads and write results
  bench request  measure the response time of requests, also against another build
  bench report   turn results into tables and plots
  bench serve    be one peer's server (run starts these)
  bench load     be the client of one server (run starts these)
  bench scene    be clients that come and go (run starts these)
  bench soak     run the example for a long time, under faults

each lists its flags with -h`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	if err := command(ctx, os.Args[1:]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func command(ctx context.Context, args []string) error {
	commands := map[string]func(context.Context, []string) error{
		"run": runCommand, "report": reportCommand, "serve": serveCommand, "load": loadCommand,
		"scene": sceneCommand, "request": requestCommand, "soak": soakCommand,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		return errors.New(usage)
	}
	return commands[args[0]](ctx, args[1:])
}
