package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/echo-pull/pull/bench/internal/driver"
	"github.com/echo-pull/pull/bench/internal/load"
	"github.com/echo-pull/pull/bench/internal/peer"
	"github.com/echo-pull/pull/bench/internal/server"
	"github.com/echo-pull/pull/bench/internal/wire"
)

// socketIO is the only peer that is not written in Go.
const socketIO = "socket.io"

// deflate is measured beside pull with messages that are worth compressing, and
// with others only if it is chosen.
const deflate = "pull-deflate"

func serveCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("serve PEER", flag.ExitOnError)
	addr := flags.String("addr", "127.0.0.1:0", "where clients connect")
	folder := flags.String("socketio", "socketio", "folder of the socket.io server")
	var o peer.Options
	flags.BoolVar(&o.Presence, "presence", false, "notify every page of the users who come and go, if the peer can")
	flags.DurationVar(&o.WindowAge, "window-age", 0, "how long messages are remembered, if the peer does; 0 is its default")
	buffer := flags.Int("send-buffer", 0, "bytes of each socket's send buffer; 0 leaves it to the kernel")
	if len(args) == 0 {
		return fmt.Errorf("serve needs a peer: %s", strings.Join(names(), ", "))
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if args[0] == socketIO {
		return serveSocketIO(*folder, *addr)
	}
	for _, kind := range peer.Kinds() {
		if kind.Name == args[0] {
			return server.Serve(ctx, kind, server.Options{Addr: *addr, SendBuffer: *buffer, Peer: o, Out: os.Stdout})
		}
	}
	return fmt.Errorf("no peer %q: there are %s", args[0], strings.Join(names(), ", "))
}

// serveSocketIO replaces the process with Node, which takes the same command
// line and serves the same control interface.
func serveSocketIO(folder, addr string) error {
	node, err := exec.LookPath("node")
	if err != nil {
		return err
	}
	script := filepath.Join(folder, "server.js")
	return syscall.Exec(node, []string{"node", "--expose-gc", script, addr}, os.Environ()) //nolint:gosec // our own script
}

func loadCommand(_ context.Context, args []string) error {
	var o load.Options
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	flags.StringVar(&o.Addr, "addr", "", "of the server")
	flags.StringVar(&o.Control, "control", "", "address of the server's control")
	flags.StringVar(&o.Dialect, "dialect", "websocket", "what the server speaks")
	flags.IntVar(&o.Users, "users", 100, "connections, one for each user")
	flags.IntVar(&o.Tags, "tags", wire.Tags, "that the users hold in turn")
	flags.IntVar(&o.Stalled, "stalled", 0, "of the users do not read")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return load.Run(o, os.Stdin, os.Stdout)
}

func sceneCommand(_ context.Context, args []string) error {
	var s load.Scene
	flags := flag.NewFlagSet("scene", flag.ExitOnError)
	flags.StringVar(&s.Addr, "addr", "", "of the server")
	flags.StringVar(&s.Dialect, "dialect", "websocket", "what the server speaks")
	flags.IntVar(&s.Users, "users", 100, "connections, one for each user")
	flags.DurationVar(&s.Arrive, "arrive", 2*time.Second, "time in which all connect")
	flags.IntVar(&s.Leave, "leave", 0, "users who leave each second after that, and return")
	flags.DurationVar(&s.For, "for", 20*time.Second, "length of the scene")
	flags.Int64Var(&s.First, "first", 0, "number of the first broadcast")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return load.Play(s, os.Stdout)
}

func runCommand(ctx context.Context, args []string) error {
	d := driver.Driver{Progress: os.Stdout}
	flags := flag.NewFlagSet("run", flag.ExitOnError)
	peers := flags.String("peers", "", "names, separated by commas; all where empty")
	users := flags.String("users", "100,1000,5000,10000", "numbers of users, separated by commas")
	out := flags.String("out", "results.jsonl", "file for the results")
	parts := flags.String("parts", "", "of "+strings.Join(driver.Parts(), ", ")+", separated by commas; all where empty")
	flags.IntVar(&d.Repetitions, "repetitions", 3, "of everything")
	flags.DurationVar(&d.Each, "each", time.Second, "how long each workload takes")
	flags.DurationVar(&d.Latency, "latency", 3*time.Second, "how long each measurement of latency takes")
	flags.DurationVar(&d.Budget, "budget", 30*time.Minute, "nothing new starts after it")
	flags.IntVar(&d.Size, "size", 200, "bytes of a message")
	flags.IntVar(&d.LatencyAt, "latency-users", 1000, "users for latency and stalled readers; 0 leaves both out")
	flags.StringVar(&d.SocketIO, "socketio", "socketio", "folder of the socket.io server")
	flags.StringVar(&d.Profiles, "profiles", "", "folder for CPU profiles of Go servers; profiling costs a little CPU")
	if err := flags.Parse(args); err != nil {
		return err
	}
	d.Parts = strings.FieldsFunc(*parts, func(r rune) bool { return r == ',' })
	var err error
	if d.Users, err = numbers(*users); err != nil {
		return err
	}
	if err := driver.Limit(slices.Max(d.Users)); err != nil {
		return err
	}
	if d.Peers, err = available(*peers, d.SocketIO, d.Progress); err != nil {
		return err
	}
	return into(*out, func(results io.Writer) error {
		d.Results = results
		return d.Run(ctx)
	})
}

// into creates the file and calls run with it.
func into(name string, run func(io.Writer) error) error {
	results, err := os.Create(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer results.Close() //nolint:errcheck // Sync reports errors
	if err := run(results); err != nil {
		return err
	}
	return results.Sync()
}

func numbers(list string) ([]int, error) {
	var all []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 100 || n%100 != 0 {
			return nil, fmt.Errorf("users must be multiples of 100, not %q", word)
		}
		all = append(all, n)
	}
	return all, nil
}

func names() []string {
	var all []string
	for _, kind := range peer.Kinds() {
		all = append(all, kind.Name)
	}
	return append(all, socketIO)
}

// available returns the chosen peers that this machine can run, and reports the
// others.
func available(list, folder string, say io.Writer) ([]string, error) {
	chosen := slices.DeleteFunc(names(), func(name string) bool { return name == deflate })
	if list != "" {
		chosen = strings.Split(list, ",")
	}
	for _, name := range chosen {
		if !slices.Contains(names(), name) {
			return nil, fmt.Errorf("no peer %q: there are %s", name, strings.Join(names(), ", "))
		}
	}
	if missing := missingSocketIO(folder); missing != "" && slices.Contains(chosen, socketIO) {
		_, _ = fmt.Fprintf(say, "socket.io is skipped: %s\n", missing)
		chosen = slices.DeleteFunc(chosen, func(name string) bool { return name == socketIO })
	}
	return chosen, nil
}

// missingSocketIO returns what socket.io needs and does not find, or "".
func missingSocketIO(folder string) string {
	if _, err := exec.LookPath("node"); err != nil {
		return "there is no node"
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "socket.io")); err != nil {
		return "its package is not installed (npm ci in bench/socketio)"
	}
	return ""
}
