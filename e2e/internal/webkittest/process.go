//go:build unix

package webkittest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A process is a program with its children, in a process group of its own. They
// end when this process does.
type process struct {
	program string
	out     string        // file with what the program prints
	life    *os.File      // the group is ended when this is closed
	ended   chan struct{} // closed when the program has ended
}

// supervise runs a program, and ends it when file 3 is closed: at the latest when
// the tests end. The program gets a moment to remove its files; then the whole
// group is killed.
const supervise = `"$@" </dev/null 3<&- & p=$!; (read -r _ <&3; kill $p; sleep 1; kill -KILL 0) & wait $p; kill -KILL 0`

// launch starts a program. Its home is in dir.
func launch(dir, name string, env []string, program string, args ...string) (*process, error) {
	p := &process{program: program, out: filepath.Join(dir, name), ended: make(chan struct{})}
	out, err := os.Create(p.out)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	alive, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = alive.Close() }()
	cmd := exec.Command("/bin/sh", append([]string{"-c", supervise, "sh", program}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.ExtraFiles = dir, out, []*os.File{alive}
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+dir, "TMPDIR="+dir, "XDG_RUNTIME_DIR="+dir, "LANG=C.UTF-8", "NO_AT_BRIDGE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, life.Close())
	}
	p.life = life
	go func() { _ = cmd.Wait(); close(p.ended) }()
	return p, nil
}

// printed returns what the program has printed once it contains a text.
func (p *process) printed(ctx context.Context, text string) (out string, err error) {
	err = p.until(ctx, func() (bool, error) {
		b, err := os.ReadFile(p.out)
		out = string(b)
		return strings.Contains(out, text), err
	})
	return out, err
}

// until waits for a condition, as long as the program runs.
func (p *process) until(ctx context.Context, is func() (bool, error)) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if done, err := is(); done || err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-p.ended:
			return fmt.Errorf("%s has ended", p.program)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// kill ends the program and its children and waits for them.
func (p *process) kill() {
	_ = p.life.Close()
	<-p.ended
}
