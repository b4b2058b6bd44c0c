package redisbroker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A server is a Redis server of the tests' own. It listens at a socket in its
// directory.
type server struct {
	dir     string
	options []string
	port    int           // 0: only the socket
	stdin   io.Closer     // the server ends when it closes, so also when the tests die
	ended   chan struct{} // closed when the server and what watches it have ended
}

// program returns the path of a program, or skips the test. Under CI nothing is
// skipped.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is missing: run scripts/setup redis", name)
	default:
		t.Skipf("%s is missing: run scripts/setup redis", name)
	}
	return ""
}

// directory returns a new one whose path is short, as those of sockets must be.
func directory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rd") //nolint:usetesting // its paths are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// newServer starts an empty server with an append-only file, unless the options
// say otherwise.
func newServer(t testing.TB, options ...string) *server {
	t.Helper()
	s := &server{dir: directory(t), options: options}
	s.start(t)
	return s
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

func (s *server) socket() string { return filepath.Join(s.dir, "s") }

func (s *server) url() string { return "unix://" + s.socket() }

// start starts the server and waits until it takes commands.
func (s *server) start(t testing.TB) {
	t.Helper()
	if s.ended == nil {
		t.Cleanup(s.stop)
	}
	if err := os.MkdirAll(s.data(), 0o755); err != nil {
		t.Fatal(err)
	}
	args := append([]string{
		"redis-server", "--port", strconv.Itoa(s.port), "--unixsocket", s.socket(), "--dir", s.data(), "--appendonly", "yes",
		"--save", "", "--enable-debug-command", "yes", "--pidfile", filepath.Join(s.dir, "pid"), "--repl-diskless-sync-delay", "0",
	}, s.options...)
	s.ended, s.stdin = launch(t, s.dir, args...)
	c := open(t, s.url())
	defer func() { _ = c.Close() }()
	eventually(t, func() error { return c.Ping(t.Context()).Err() }, func() string {
		logs, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return string(logs)
	})
}

// launch starts a program that ends when stdin is closed, or this process dies.
// Its process id is in the file process.
func launch(t testing.TB, dir string, args ...string) (ended chan struct{}, stdin io.Closer) {
	t.Helper()
	args[0] = program(t, args[0])
	const script = `"$@" </dev/null 3<&- & p=$!; echo $p >process.new; mv process.new process; (read -r _ <&3; kill -KILL $p) & w=$!; wait $p; kill $w`
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.Dir = dir
	_ = os.Remove(filepath.Join(dir, "process"))
	logs, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logs.Close() }()
	alive, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = alive.Close() }()
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = logs, logs, []*os.File{alive}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended = make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	return ended, stdin
}

// pid returns the process of a program that was launched in a directory, or 0.
func pid(dir string) int {
	var n int
	text, _ := os.ReadFile(filepath.Join(dir, "process"))
	_, _ = fmt.Sscan(string(text), &n)
	return n
}

// stop ends the server at once, as kill -9 does, and waits for it.
func (s *server) stop() {
	_ = s.stdin.Close()
	<-s.ended
}

// kill kills the server with SIGKILL, when the operating system has what it has
// confirmed.
func (s *server) kill(t testing.TB) {
	t.Helper()
	s.flushed(t)
	s.signal(t, syscall.SIGKILL)
	s.stop()
}

// quit ends the server as an administrator does.
func (s *server) quit(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	<-s.ended
	s.stop()
}

func (s *server) restart(t testing.TB) { t.Helper(); s.quit(t); s.start(t) }

func (s *server) freeze(t testing.TB) { t.Helper(); s.signal(t, syscall.SIGSTOP) }

func (s *server) thaw() { _ = syscall.Kill(pid(s.dir), syscall.SIGCONT) }

func (s *server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid(s.dir), sig); err != nil {
		t.Fatal(err)
	}
}

// flushed waits until the server has written everything to its append-only file.
// While the disk is slow, it keeps up to two seconds in its memory.
func (s *server) flushed(t testing.TB) {
	t.Helper()
	c := open(t, s.url())
	defer func() { _ = c.Close() }()
	eventually(t, func() error {
		info, err := c.Info(t.Context(), "persistence").Result()
		if err == nil && strings.Contains(info, "aof_buffer_length:") && !strings.Contains(info, "aof_buffer_length:0\r\n") {
			err = errors.New("the server has not written everything")
		}
		return err
	})
}

// wipe deletes what the server has on its disk.
func (s *server) wipe(t testing.TB) {
	t.Helper()
	if err := os.RemoveAll(s.data()); err != nil {
		t.Fatal(err)
	}
}

// open returns a client that the test closes.
func open(t testing.TB, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(options)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// do sends commands.
func (s *server) do(t testing.TB, commands ...[]any) {
	t.Helper()
	c := open(t, s.url())
	defer func() { _ = c.Close() }()
	for _, command := range commands {
		if err := c.Do(t.Context(), command...).Err(); err != nil && !errors.Is(err, redis.Nil) {
			t.Fatalf("%v: %v", command, err)
		}
	}
}

// snapshot copies the data as a snapshot of the disk would have it.
func (s *server) snapshot(t testing.TB) {
	t.Helper()
	s.flushed(t)
	copyData(t, s.data(), filepath.Join(s.dir, "snapshot"))
}

// rewind puts the snapshot in place of the data.
func (s *server) rewind(t testing.TB) {
	t.Helper()
	s.kill(t)
	s.wipe(t)
	copyData(t, filepath.Join(s.dir, "snapshot"), s.data())
	s.start(t)
}

func copyData(t testing.TB, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v %s", err, out)
	}
}

// eventually calls f until it returns nil, for half a minute at most.
func eventually(t testing.TB, f func() error, more ...func() string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			for _, text := range more {
				t.Log(text())
			}
			t.Fatal(err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(err)
		}
	}
}

// common is the server of the tests that do not break one.
var common struct {
	sync.Mutex
	server *server
	end    func()
}

// shared returns the server that tests share; each has a prefix of its own.
func shared(t testing.TB) *server {
	t.Helper()
	common.Lock()
	defer common.Unlock()

	if common.server == nil {
		keep := &keeper{TB: t}
		common.server = newServer(keep)
		common.end = keep.end
	}
	return common.server
}

// keeper keeps what a test has started until all tests have ended.
type keeper struct {
	testing.TB
	cleanups []func()
}

func (k *keeper) Cleanup(f func()) { k.cleanups = append(k.cleanups, f) }

func (k *keeper) Context() context.Context { return context.Background() }

func (k *keeper) end() {
	for _, f := range slices.Backward(k.cleanups) {
		f()
	}
}
