//go:build unix

package servertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Postgres is a PostgreSQL server that listens at a socket in a directory of its
// own. The importing package registers the driver "pgx". The methods must not be
// called at the same time.
type Postgres struct {
	programs string // the directory of the programs
	owner    owner
	dir      string
	options  []string
	life     *os.File      // the server ends when it is closed
	ended    chan struct{} // closed when the server has ended; nil before the first start
}

// NewPostgres starts a server with an empty cluster, which ends with the test.
// The options are those of the program postgres.
func NewPostgres(t testing.TB, options ...string) *Postgres {
	t.Helper()
	program := Program(t, "postgres", "postgres", "/usr/lib/postgresql/*/bin")
	owner, err := findOwner("postgres")
	if err != nil {
		t.Fatal(err)
	}
	p := &Postgres{programs: filepath.Dir(program), owner: owner, dir: owner.directory(t), options: options}
	t.Cleanup(p.Stop)
	if err := errors.Join(p.Wipe(), p.Start()); err != nil {
		t.Fatal(err)
	}
	return p
}

// URL returns the URL of the database.
func (p *Postgres) URL() string { return "postgres:///postgres?user=postgres&host=" + p.dir }

// Start starts the server and returns when it takes queries.
func (p *Postgres) Start() error {
	if err := p.launch(); err != nil {
		return err
	}
	db, err := sql.Open("pgx", p.URL())
	if err != nil {
		return err
	}
	err = eventually(func() error {
		select {
		case <-p.ended: // processes of a killed server were still there
			if err := p.launch(); err != nil {
				return err
			}
		default:
		}
		return db.PingContext(context.Background())
	})
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(p.dir, logFile))
		err = fmt.Errorf("start of PostgreSQL: %w\n%s", err, log)
	}
	return errors.Join(err, db.Close())
}

// Stop ends the server at once and waits for it. A new start recovers from the
// WAL, as after a crash.
func (p *Postgres) Stop() {
	if p.ended == nil {
		return
	}
	p.Thaw()
	_ = p.life.Close()
	<-p.ended
}

// Restart ends the server as an administrator does, and starts it.
func (p *Postgres) Restart() error {
	if err := p.signalFirst(syscall.SIGINT); err != nil {
		return err
	}
	<-p.ended
	p.Stop()
	return p.Start()
}

// Kill kills all processes of the server with SIGKILL.
func (p *Postgres) Kill() error {
	err := p.signal(syscall.SIGKILL)
	p.Stop()
	return err
}

// Freeze stops all processes of the server until Thaw.
func (p *Postgres) Freeze() error { return p.signal(syscall.SIGSTOP) }

// Thaw lets the processes go on.
func (p *Postgres) Thaw() {
	for _, pid := range p.processes() {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// Wipe puts an empty cluster in place of the data. The server must not run.
func (p *Postgres) Wipe() error {
	if err := os.RemoveAll(p.data()); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(p.programs, "initdb"), "-D", p.data(),
		"-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	cmd.Dir, cmd.SysProcAttr = "/", p.owner.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// Exec executes statements over a connection of its own.
func (p *Postgres) Exec(statements ...string) error {
	db, err := sql.Open("pgx", p.URL())
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", statement, err), db.Close())
		}
	}
	return db.Close()
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) launch() error {
	args := append([]string{"-D", p.data(), "-k", p.dir, "-c", "listen_addresses="}, p.options...)
	life, ended, err := launch(p.owner, p.dir, "QUIT", filepath.Join(p.programs, "postgres"), args...)
	if err != nil {
		return err
	}
	if p.life != nil {
		_ = p.life.Close()
	}
	p.life, p.ended = life, ended
	return nil
}

var errNotRunning = errors.New("the server is not running")

// signal sends a signal to all processes of the server, the first process first,
// so that it starts no others.
func (p *Postgres) signal(s syscall.Signal) error {
	pids := p.processes()
	if len(pids) == 0 {
		return errNotRunning
	}
	_ = syscall.Kill(pids[0], s)
	for _, pid := range p.processes() {
		_ = syscall.Kill(pid, s)
	}
	for _, pid := range pids[1:] { // when the first is gone, nothing names it as the parent
		_ = syscall.Kill(pid, s)
	}
	return nil
}

func (p *Postgres) signalFirst(s syscall.Signal) error {
	pids := p.processes()
	if len(pids) == 0 {
		return errNotRunning
	}
	return syscall.Kill(pids[0], s)
}

// processes returns the server's process and its children.
func (p *Postgres) processes() []int {
	text, _ := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
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
