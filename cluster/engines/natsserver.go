package engines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/echo-pull/pull/internal/servertest"
)

// settingsVariable is the environment of a process that is a server.
const settingsVariable = "PULL_NATS_SETTINGS"

// Main is the process of a server, if a test has started this process as one.
// Otherwise it returns at once.
func Main() {
	text := os.Getenv(settingsVariable)
	if text == "" {
		return
	}
	if err := serveNATS(text); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// natsSettings are what the process of a server gets.
type natsSettings struct {
	Dir  string
	Port int
}

// serveNATS runs a server until it is interrupted, or until the test has ended.
func serveNATS(text string) error {
	var s natsSettings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	server, err := natsserver.NewServer(&natsserver.Options{
		ServerName: "alone", Host: "127.0.0.1", Port: s.Port, JetStream: true, StoreDir: s.Dir, MaxPayload: 8 << 20,
		NoSigs: true, LogFile: filepath.Join(s.Dir, "log"),
	})
	if err != nil {
		return err
	}
	server.ConfigureLogger()
	server.Start()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT)
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	select {
	case <-interrupted:
		server.Shutdown()
		server.WaitForShutdown()
	case <-closed:
	}
	return nil
}

// A natsServer is a server in a process of its own. The methods must not be called
// at the same time.
type natsServer struct {
	settings natsSettings
	cmd      *exec.Cmd
	life     io.Closer     // the server ends when it is closed, so also when the tests die
	ended    chan struct{} // closed when the server has ended
}

// newNATSServer starts a server with an empty store, which ends with the test.
func newNATSServer(tb testing.TB) *natsServer {
	tb.Helper()
	port, err := servertest.FreePort()
	if err != nil {
		tb.Fatal(err)
	}
	s := &natsServer{settings: natsSettings{Dir: tb.TempDir(), Port: port}}
	tb.Cleanup(func() { _ = s.kill() })
	if err := s.start(); err != nil {
		tb.Fatal(err)
	}
	return s
}

func (s *natsServer) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", s.settings.Port) }

// start starts the server and returns when JetStream is ready.
func (s *natsServer) start() error {
	text, err := json.Marshal(s.settings)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.Background(), os.Args[0]) //nolint:gosec // this program
	cmd.Env = append(os.Environ(), settingsVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	if s.life, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.cmd, s.ended = cmd, ended
	go func() { _ = cmd.Wait(); close(ended) }()
	if err := eventually(s.ready); err != nil {
		log, _ := os.ReadFile(filepath.Join(s.settings.Dir, "log"))
		return fmt.Errorf("start of NATS: %w\n%s", err, log)
	}
	return nil
}

// ready returns nil when JetStream is ready.
func (s *natsServer) ready() error {
	conn, err := nats.Connect(s.url(), nats.NoReconnect())
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err = js.AccountInfo(ctx)
	return err
}

// restart ends the server as an administrator does, and starts it.
func (s *natsServer) restart() error {
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("the NATS server does not end"), s.kill())
	}
	_ = s.life.Close()
	return s.start()
}

// kill kills the server with SIGKILL.
func (s *natsServer) kill() error {
	if s.cmd == nil {
		return nil
	}
	_ = s.cmd.Process.Kill()
	_ = s.life.Close()
	<-s.ended
	return nil
}

// freeze stops the server, and waits until all its threads have stopped.
func (s *natsServer) freeze() error {
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return eventually(func() error {
		stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.cmd.Process.Pid))
		for _, stat := range stats {
			if text, err := os.ReadFile(stat); err == nil && !strings.Contains(string(text), ") T ") { //nolint:gosec // a path of /proc
				return errors.New("a thread of the server is running")
			}
		}
		return nil
	})
}

func (s *natsServer) thaw() error { return s.cmd.Process.Signal(syscall.SIGCONT) }

// wipe empties the store. The server must not run.
func (s *natsServer) wipe() error {
	entries, err := os.ReadDir(s.settings.Dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.settings.Dir, e.Name())))
	}
	return err
}

// eventually calls f until it returns nil, for half a minute at most.
func eventually(f func() error) error {
	for end := time.Now().Add(30 * time.Second); ; {
		err := f()
		if err == nil || time.Now().After(end) {
			return err
		}
		<-time.After(20 * time.Millisecond)
	}
}
