package soak

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// A server is the example's program, which can be killed and started again at the
// same address. Its methods are called by one goroutine at a time; url and pid may be
// read at any time.
type server struct {
	plan    Plan
	address string // of the first start
	command *exec.Cmd
	log     *tail

	mu      sync.Mutex // guards the rest
	pid     int        // 0 while the server is down
	started time.Time
}

// startServer starts a server on a free port.
func startServer(ctx context.Context, plan Plan) (*server, error) {
	s := &server{plan: plan, address: "127.0.0.1:0"}
	err := s.start(ctx)
	s.address = s.log.address()
	return s, err
}

func (s *server) url() string { return "http://" + s.address }

func (s *server) process() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid
}

func (s *server) setProcess(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pid, s.started = pid, time.Now()
}

// isNew reports whether the server may still be reading the log. A page that it renders
// then may have a cursor as old as the window.
func (s *server) isNew() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.started) < 20*time.Second
}

// start returns once the program listens.
func (s *server) start(ctx context.Context) error {
	s.command = exec.Command(s.plan.Program, "--addr", s.address, //nolint:gosec,noctx // the program that the user names; stop and kill end it
		"--broker", "sqlite:"+filepath.Join(s.plan.Folder, "soak.db"),
		"--window", s.plan.Window.String(), "--grace", "5s", "--debug")
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.log = &tail{opened: make(chan struct{})}
	s.command.Stderr = s.log
	s.command.WaitDelay = 5 * time.Second
	if err := s.command.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	select {
	case <-s.log.opened:
		s.setProcess(s.command.Process.Pid)
		return nil
	case <-ctx.Done():
		s.kill()
		return fmt.Errorf("the server has not started: %s", s.log)
	}
}

// kill is kill -9.
func (s *server) kill() {
	s.setProcess(0)
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
}

// stop ends the server as an operator would.
func (s *server) stop() error {
	s.setProcess(0)
	overdue := time.AfterFunc(time.Minute, func() { _ = s.command.Process.Kill() })
	defer overdue.Stop()
	err := errors.Join(s.command.Process.Signal(syscall.SIGTERM), s.command.Wait())
	if err != nil {
		return fmt.Errorf("the server stopped with %w: %s", err, s.log)
	}
	return nil
}

// A tail keeps the last of what a program has logged, and finds where the program
// listens.
type tail struct {
	opened chan struct{} // closed once the address is known

	mu   sync.Mutex // guards the rest
	text []byte
	at   string
}

// Write implements io.Writer.
func (t *tail) Write(text []byte) (int, error) {
	const most = 4096
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, text...)
	if t.at == "" {
		if at := regexp.MustCompile(`http://([0-9.]+:\d+) `).FindSubmatch(t.text); at != nil {
			t.at = string(at[1])
			close(t.opened)
		}
	}
	t.text = t.text[max(len(t.text)-most, 0):]
	return len(text), nil
}

func (t *tail) address() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at
}

// String returns the last of what was logged.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
