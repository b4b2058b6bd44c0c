//go:build unix

package firefoxtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// A process is a program with its children, in a process group of its own. They
// end when this process does.
type process struct {
	program string
	log     string        // file with what the program prints
	life    *os.File      // the group is killed when this is closed
	ended   chan struct{} // closed when the program has ended
}

// supervise runs a program and kills the whole group with SIGKILL when the
// program ends, or when file 3 is closed: at the latest when the tests end.
const supervise = `"$@" </dev/null 3<&- & p=$!; (read -r _ <&3; kill -KILL 0) & wait $p; kill -KILL 0`

// launch starts a program. Its home is in dir, and of the environment it has only
// PATH: a browser that root runs refuses directories of other users, and none
// should find the desktop of the person who runs the tests.
func launch(dir, program string, args ...string) (*process, error) {
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	p := &process{program: program, log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	logs, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = logs.Close() }()
	alive, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = alive.Close() }()
	cmd := exec.Command("/bin/sh", append([]string{"-c", supervise, "sh", program}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dir, logs, logs, []*os.File{alive}
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "LANG=C.UTF-8",
		"MOZ_CRASHREPORTER_DISABLE=1", "MOZ_DISABLE_AUTO_SAFE_MODE=1",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, life.Close())
	}
	p.life = life
	go func() { _ = cmd.Wait(); close(p.ended) }()
	return p, nil
}

var listening = regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)\n`)

// address waits until the browser prints where it listens.
func (p *process) address(ctx context.Context) (string, error) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		text, err := os.ReadFile(p.log)
		if err != nil {
			return "", err
		}
		if found := listening.FindSubmatch(text); found != nil {
			return string(found[1]), nil
		}
		select {
		case <-again.C:
		case <-p.ended:
			return "", fmt.Errorf("%s has ended; it printed:\n%s", p.program, text)
		case <-ctx.Done():
			return "", fmt.Errorf("%w; it printed:\n%s", context.Cause(ctx), text)
		}
	}
}

// kill kills the whole group and waits for the program.
func (p *process) kill() {
	_ = p.life.Close()
	<-p.ended
}
