package e2e

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// An example is the running program of the example.
type example struct {
	t       *testing.T
	program string
	args    []string
	url     string
	cmd     *exec.Cmd
}

// startExample runs the example on a free port.
func startExample(t *testing.T, args ...string) *example {
	t.Helper()
	return startProgram(t, program, args...)
}

func startProgram(t *testing.T, program string, args ...string) *example {
	t.Helper()
	e := &example{t: t, program: program, args: args}
	e.start("127.0.0.1:0")
	t.Cleanup(e.kill)
	return e
}

var opened = regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`)

// refused runs the program, which should end by itself, and returns its exit code
// and its output.
func refused(t *testing.T, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	return exitCode(err), string(out)
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// start returns once the program logs that it listens.
func (e *example) start(addr string) {
	e.t.Helper()
	e.cmd = exec.Command(e.program, append([]string{"--addr", addr}, e.args...)...)
	said, err := e.cmd.StderrPipe()
	if err != nil {
		e.t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if at := opened.FindStringSubmatch(lines.Text()); at != nil {
			e.url = "http://" + at[1]
			go func() { _, _ = io.Copy(os.Stderr, said) }()
			return
		}
	}
	e.t.Fatalf("the example has not started: %v", e.cmd.Wait())
}

// restart stops the program as an operator would, and starts it at the same address.
func (e *example) restart() {
	e.t.Helper()
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		e.t.Fatal(err)
	}
	if err := e.cmd.Wait(); err != nil {
		e.t.Fatalf("the example stopped with %v, want success", err)
	}
	e.start(e.addr())
}

func (e *example) addr() string { return strings.TrimPrefix(e.url, "http://") }

// kill kills the program.
func (e *example) kill() {
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
}
