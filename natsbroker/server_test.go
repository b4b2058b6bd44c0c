package natsbroker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/echo-pull/pull/internal/servertest"
)

// A server is a NATS server of the tests' own, in a process of its own: this test
// program, started again.
type server struct {
	settings settings
	cmd      *exec.Cmd
	stdin    io.Closer // the server ends when it closes, so also when the tests die
	ended    chan struct{}
}

// settings are what the process gets.
type settings struct {
	Name       string
	Dir        string
	Port       int
	Cluster    int // port, 0 for a server that is alone
	Routes     []int
	MaxPayload int32
	MaxMemory  int64
	Users      []string // names, which are their passwords as well
}

const settingsVariable = "PULL_NATS_SERVER"

func (s *settings) options() *natsserver.Options {
	o := &natsserver.Options{
		ServerName: s.Name,
		Host:       "127.0.0.1",
		Port:       s.Port,
		JetStream:  true,
		StoreDir:   s.Dir,
		MaxPayload: s.MaxPayload,
		NoSigs:     true,
		LogFile:    filepath.Join(s.Dir, "log"),

		JetStreamMaxMemory: s.MaxMemory,
	}
	for _, name := range s.Users {
		o.Users = append(o.Users, &natsserver.User{Username: name, Password: name})
	}
	if s.Cluster > 0 {
		o.Cluster = natsserver.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: s.Cluster}
		for _, port := range s.Routes {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
		}
	}
	return o
}

// serve is the process of a server.
func serve(text string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var s settings
	fail(json.Unmarshal([]byte(text), &s))
	o := s.options()
	ns, err := natsserver.NewServer(o)
	fail(err)
	ns.ConfigureLogger()
	ns.Start()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT)
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	select {
	case <-interrupted:
		ns.Shutdown()
		ns.WaitForShutdown()
	case <-closed:
	}
	os.Exit(0)
}

// newServer starts a server with an empty store.
func newServer(t testing.TB, configure ...func(*settings)) *server {
	t.Helper()
	s := &server{settings: settings{Name: "alone", Dir: t.TempDir(), Port: freePort(t), MaxPayload: 8 << 20}}
	for _, c := range configure {
		c(&s.settings)
	}
	t.Cleanup(func() { s.end(t) })
	s.start(t)
	return s
}

// end ends the server, and shows its log if the test has failed.
func (s *server) end(t testing.TB) {
	t.Helper()
	s.stop()
	if t.Failed() {
		logs, _ := os.ReadFile(filepath.Join(s.settings.Dir, "log"))
		t.Logf("the log of %s:\n%s", s.settings.Name, logs)
	}
}

// newCluster starts servers that keep a stream together.
func newCluster(t testing.TB, count int) []*server {
	t.Helper()
	var ports []int
	for range count {
		ports = append(ports, freePort(t))
	}
	var servers []*server
	for i := range count {
		s := &server{settings: settings{
			Name: fmt.Sprint("server-", i), Dir: t.TempDir(), Port: freePort(t), MaxPayload: 8 << 20, Cluster: ports[i], Routes: ports,
		}}
		servers = append(servers, s)
		t.Cleanup(func() { s.end(t) })
		s.launch(t)
	}
	for _, s := range servers {
		s.ready(t)
	}
	return servers
}

func freePort(t testing.TB) int {
	t.Helper()
	port, err := servertest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// start starts the server and waits until JetStream is ready.
func (s *server) start(t testing.TB) {
	t.Helper()
	s.launch(t)
	s.ready(t)
}

func (s *server) launch(t testing.TB) {
	t.Helper()
	text, err := json.Marshal(s.settings)
	if err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(os.Environ(), settingsVariable+"="+string(text))
	s.cmd.Stderr = os.Stderr
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, cmd := make(chan struct{}), s.cmd
	s.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
}

func (s *server) ready(t testing.TB) {
	t.Helper()
	eventually(t, func() error {
		nc, err := nats.Connect(s.url(), nats.NoReconnect())
		if err != nil {
			return err
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = js.AccountInfo(ctx)
		return err
	}, func() string {
		logs, _ := os.ReadFile(filepath.Join(s.settings.Dir, "log"))
		return string(logs)
	})
}

func (s *server) url() string {
	if len(s.settings.Users) > 0 {
		return fmt.Sprintf("nats://%s:%[1]s@127.0.0.1:%d", s.settings.Users[0], s.settings.Port)
	}
	return fmt.Sprintf("nats://127.0.0.1:%d", s.settings.Port)
}

func urlOf(servers []*server) string {
	var urls []string
	for _, s := range servers {
		urls = append(urls, s.url())
	}
	return strings.Join(urls, ",")
}

// stop ends the process at once.
func (s *server) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.stdin.Close()
		<-s.ended
	}
}

// restart ends the server in order, and starts it.
func (s *server) restart(t testing.TB) {
	t.Helper()
	s.interrupt(t)
	s.start(t)
}

func (s *server) interrupt(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the server does not end")
	}
	_ = s.stdin.Close()
}

func (s *server) freeze(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { // the signal stops the threads one by one
		stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.cmd.Process.Pid))
		for _, stat := range stats {
			if text, err := os.ReadFile(stat); err == nil && !strings.Contains(string(text), ") T ") {
				return errors.New("a thread of the server is running")
			}
		}
		return nil
	})
}

func (s *server) thaw() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// snapshot keeps a copy of the store, as a backup has it. back replaces the store
// with it.
func (s *server) snapshot(t testing.TB) (back func()) {
	t.Helper()
	kept := filepath.Join(t.TempDir(), "kept")
	s.interrupt(t)
	if err := os.CopyFS(kept, os.DirFS(s.settings.Dir)); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	return func() {
		s.wipe(t)
		if err := os.CopyFS(s.settings.Dir, os.DirFS(kept)); err != nil {
			t.Fatal(err)
		}
		s.start(t)
	}
}

// wipe kills the server and empties its store.
func (s *server) wipe(t testing.TB) {
	t.Helper()
	s.stop()
	entries, err := os.ReadDir(s.settings.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(s.settings.Dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// connect returns a connection that the test closes.
func connect(t testing.TB, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// operator returns a client for what an administrator does.
func operator(t testing.TB, url string) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(connect(t, url))
	if err != nil {
		t.Fatal(err)
	}
	return js
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
			t.Fatal(errors.Join(err, t.Context().Err()))
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
		dir, err := os.MkdirTemp("", "nats") //nolint:usetesting // it outlives the test
		if err != nil {
			t.Fatal(err)
		}
		k := &keeper{TB: t}
		common.server = newServer(k, func(s *settings) { s.Dir = dir })
		common.end = func() {
			k.end()
			_ = os.RemoveAll(dir)
		}
	}
	return common.server
}

// keeper keeps what a test has started until all tests have ended.
type keeper struct {
	testing.TB
	cleanups []func()
}

func (k *keeper) Failed() bool { return false }

func (k *keeper) Cleanup(f func()) { k.cleanups = append(k.cleanups, f) }

func (k *keeper) end() {
	for _, f := range slices.Backward(k.cleanups) {
		f()
	}
}
