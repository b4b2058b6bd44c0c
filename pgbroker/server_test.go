package pgbroker_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// A server is a PostgreSQL server of the tests' own. It listens at a socket in
// its directory.
type server struct {
	dir     string
	options []string
	largest int       // the largest file that the server may write, in MiB; 0: any
	stdin   io.Closer // the server ends when it closes, so also when the tests die
	ended   chan struct{}
}

// program returns the path of a program, or skips the test. Under CI nothing is
// skipped.
func program(t testing.TB, name string) string {
	t.Helper()
	places, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	slices.SortFunc(places, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) // the newest last
	})
	places = append([]string{"/usr/sbin/" + name}, places...)
	for _, place := range slices.Backward(places) {
		if _, err := os.Stat(place); err == nil {
			return place
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: run scripts/setup", name)
	}
	t.Skipf("%s is missing: run scripts/setup", name)
	return ""
}

// command returns a command that runs without root's rights, which the server
// refuses.
func command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program(t, name), args...)
	cmd.Dir = "/"
	if uid, gid := owner(t); uid >= 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	return cmd
}

// owner returns who runs the server, or -1 if that is whoever runs the tests.
func owner(t testing.TB) (uid, gid int) {
	t.Helper()
	if os.Getuid() != 0 {
		return -1, -1
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ = strconv.Atoi(u.Uid)
			gid, _ = strconv.Atoi(u.Gid)
			return uid, gid
		}
	}
	t.Fatal("no user to run the server as")
	return -1, -1
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := command(t, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// directory returns a new one that the server's user owns. Its path is short, as
// those of sockets must be.
func directory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // that of a test is closed to other users
	if err == nil {
		if uid, gid := owner(t); uid >= 0 {
			err = os.Chown(dir, uid, gid)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// newServer starts a server with an empty cluster.
func newServer(t testing.TB, options ...string) *server {
	t.Helper()
	s := &server{dir: directory(t), options: options}
	copyData(t, template(t), s.data())
	s.start(t)
	return s
}

// template returns an empty cluster to copy, which takes less time than to create
// another one.
func template(t testing.TB) string {
	t.Helper()
	return common.template.get(t, func(t testing.TB) *server {
		s := &server{dir: directory(t)}
		s.wipe(t)
		return s
	}).data()
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// wipe puts a new cluster in place of the data.
func (s *server) wipe(t testing.TB) {
	t.Helper()
	if err := os.RemoveAll(s.data()); err != nil {
		t.Fatal(err)
	}
	run(t, "initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
}

// start starts the server and waits until it takes queries. It tries again as
// long as processes of a server that was killed are still ending.
func (s *server) start(t testing.TB) {
	t.Helper()
	if s.ended == nil {
		t.Cleanup(s.stop)
	}
	s.launch(t)
	db, err := sql.Open("pgx", s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	eventually(t, func() error {
		select {
		case <-s.ended:
			s.launch(t)
		default:
		}
		return db.PingContext(t.Context())
	}, func() string {
		logs, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return string(logs)
	})
}

func (s *server) launch(t testing.TB) {
	t.Helper()
	args := append([]string{program(t, "postgres"), "-D", s.data(), "-k", s.dir, "-c", "listen_addresses="}, s.options...)
	limit := "unlimited"
	if s.largest > 0 {
		limit = strconv.Itoa(s.largest << 20 / 512)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", "ulimit -f " + limit + `; "$@" </dev/null 3<&- & p=$!; (read -r _ <&3; kill -QUIT $p) & w=$!; wait $p; kill $w`, "sh"}, args...)...)
	cmd.SysProcAttr = command(t, "postgres").SysProcAttr
	cmd.Dir = s.dir
	logs, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logs.Close() }()
	alive, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = alive.Close() }()
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles, s.stdin = logs, logs, []*os.File{alive}, stdin
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
}

// stop ends the server at once, and waits for it. A new start recovers from the
// WAL, as after a crash.
func (s *server) stop() {
	s.thaw()
	_ = s.stdin.Close()
	<-s.ended
}

// restart ends the server as an administrator does, and starts it.
func (s *server) restart(t testing.TB) {
	t.Helper()
	_ = syscall.Kill(s.pid(t), syscall.SIGINT)
	eventually(t, func() error {
		if _, err := os.Stat(filepath.Join(s.data(), "postmaster.pid")); err == nil {
			return errors.New("still running")
		}
		return nil
	})
	s.stop()
	s.start(t)
}

// kill kills all processes of the server with SIGKILL.
func (s *server) kill(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	s.stop()
}

func (s *server) freeze(t testing.TB) { t.Helper(); s.signal(t, syscall.SIGSTOP) }

func (s *server) thaw() {
	for _, pid := range s.processes() {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// signal sends a signal to all processes of the server, the first process first,
// so that it starts no others.
func (s *server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	pids := s.processes()
	if len(pids) == 0 {
		t.Fatal("the server is not running")
	}
	_ = syscall.Kill(pids[0], sig)
	for _, pid := range s.processes() {
		_ = syscall.Kill(pid, sig)
	}
	for _, pid := range pids[1:] { // when the first is gone, nothing names it as the parent
		_ = syscall.Kill(pid, sig)
	}
}

func (s *server) pid(t testing.TB) int {
	t.Helper()
	pids := s.processes()
	if len(pids) == 0 {
		t.Fatal("the server is not running")
	}
	return pids[0]
}

// processes returns the server's process and its children.
func (s *server) processes() []int {
	text, _ := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return nil
	}
	pids := []int{pid}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, _ := os.ReadFile(stat)
		_, after, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(after)
		if len(fields) > 1 && fields[1] == first {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			pids = append(pids, child)
		}
	}
	return pids
}

func (s *server) url() string { return urlOf(s.dir) }

func urlOf(hosts ...string) string {
	return "postgres:///postgres?user=postgres&host=" + strings.Join(hosts, ",")
}

// open returns a pool that the test closes.
func open(t testing.TB, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxIdleConns(10) // a test may have many subscriptions of one broker
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (s *server) exec(t testing.TB, statements ...string) {
	t.Helper()
	db := open(t, s.url())
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
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

// common has what the tests share until all of them have ended.
var common struct{ shared, template lasting }

// A lasting server begins with the first test that needs it.
type lasting struct {
	mu     sync.Mutex // guards what follows
	server *server
	keeper keeper
}

func (l *lasting) get(t testing.TB, begin func(testing.TB) *server) *server {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.server == nil {
		l.keeper.TB = t
		l.server = begin(&l.keeper)
	}
	return l.server
}

// shared returns the server of the tests that do not break one; each has a prefix
// of its own.
func shared(t testing.TB) *server {
	t.Helper()
	return common.shared.get(t, func(t testing.TB) *server { return newServer(t, "-c", "max_connections=400") })
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
