package driver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// A process is another instance of this program, or of another build of it, that
// runs a server or a client. It
// writes lines of JSON to its standard output, and dies with the driver.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	errors  bytes.Buffer
	wait    func() error // waits for the process to end; may be called repeatedly and concurrently
}

// start starts a program; "" is this one.
func start(ctx context.Context, program string, args ...string) (*process, error) {
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		program = self
	}
	p := &process{command: exec.CommandContext(ctx, program, args...)} //nolint:gosec // this program, or one that the user names
	var err error
	p.command.Stderr = &p.errors
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.command.WaitDelay = 5 * time.Second
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	p.wait = sync.OnceValue(p.command.Wait)
	return p, p.command.Start()
}

// hear reads the next line. If the process has ended instead, the error gives
// the reason.
func (p *process) hear(value any) error {
	line, err := p.out.ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s ended: %w, %.500s", p.command.Args[1], p.wait(), p.errors.String())
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(line, value)
}

// say writes a line and reads the response.
func (p *process) say(command, answer any) error {
	if err := json.NewEncoder(p.in).Encode(command); err != nil {
		return err
	}
	return p.hear(answer)
}

func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.wait()
}

// A server is a peer's process and its control.
type server struct {
	*process
	ready wire.Ready
}

func startServer(ctx context.Context, program string, args ...string) (*server, error) {
	p, err := start(ctx, program, append([]string{"serve"}, args...)...)
	if err != nil {
		return nil, err
	}
	s := &server{process: p}
	if err := s.hear(&s.ready); err != nil {
		p.kill()
		return nil, err
	}
	return s, nil
}

// publish runs a job on the server.
func (s *server) publish(ctx context.Context, job wire.Job) (wire.Published, error) {
	var done wire.Published
	body, err := json.Marshal(job)
	if err != nil {
		return done, err
	}
	return done, s.ask(ctx, http.MethodPost, "/publish", body, &done)
}

// settled returns the server's state after a garbage collection.
func (s *server) settled(ctx context.Context) (wire.Stats, error) {
	var stats wire.Stats
	if err := s.ask(ctx, http.MethodPost, "/gc", nil, nil); err != nil {
		return stats, err
	}
	return stats, s.ask(ctx, http.MethodGet, "/stats", nil, &stats)
}

func (s *server) ask(ctx context.Context, method, path string, body []byte, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+s.ready.Control+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
