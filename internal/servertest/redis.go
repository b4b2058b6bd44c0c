//go:build unix

package servertest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis is a Redis server with an append-only file that listens at a socket in a
// directory of its own. The methods must not be called at the same time.
type Redis struct {
	program string
	dir     string
	options []string
	process *process // nil before the first start
}

// NewRedis starts an empty server, which ends with the test. The options are
// those of the program redis-server.
func NewRedis(t testing.TB, options ...string) *Redis {
	t.Helper()
	r := &Redis{program: Program(t, "redis-server", "redis"), dir: owner{}.directory(t), options: options}
	t.Cleanup(r.Stop)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

// URL returns the URL of the server.
func (r *Redis) URL() string { return "unix://" + r.socket() }

// Start starts the server and returns when it takes commands.
func (r *Redis) Start() error {
	if err := os.MkdirAll(r.data(), 0o755); err != nil {
		return err
	}
	args := append([]string{
		"--port", "0", "--unixsocket", r.socket(), "--dir", r.data(), "--pidfile", filepath.Join(r.dir, "pid"),
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
	}, r.options...)
	process, err := owner{}.launch(r.dir, "KILL", r.program, args...)
	if err != nil {
		return err
	}
	r.process = process
	if err := eventually(func() error { return r.Exec("PING") }); err != nil {
		log, _ := os.ReadFile(filepath.Join(r.dir, "log"))
		return fmt.Errorf("start of Redis: %w\n%s", err, log)
	}
	return nil
}

// Stop kills the server and waits for it.
func (r *Redis) Stop() { r.process.end() }

// Restart ends the server as an administrator does, and starts it.
func (r *Redis) Restart() error {
	if err := r.signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-r.process.ended
	r.Stop()
	return r.Start()
}

// Kill kills the server with SIGKILL. Until then the server flushes what it
// confirms to its disk.
func (r *Redis) Kill() error {
	if err := r.Exec("CONFIG SET appendfsync always"); err != nil {
		return err
	}
	if err := eventually(r.flushed); err != nil {
		return err
	}
	err := r.signal(syscall.SIGKILL)
	r.Stop()
	return err
}

// flushed returns an error while the server has something for its append-only
// file in its memory, as it does while the disk is slow.
func (r *Redis) flushed() error {
	info, err := r.do("INFO persistence")
	if err == nil && !strings.Contains(info, "aof_buffer_length:0\r\n") {
		err = errors.New("the server has not written everything")
	}
	return err
}

// Freeze stops the server until Thaw.
func (r *Redis) Freeze() error { return r.signal(syscall.SIGSTOP) }

// Thaw lets the server go on.
func (r *Redis) Thaw() error { return r.signal(syscall.SIGCONT) }

// Wipe deletes the data. The server must not run.
func (r *Redis) Wipe() error { return os.RemoveAll(r.data()) }

// Exec executes commands over a connection of its own.
func (r *Redis) Exec(commands ...string) error {
	for _, command := range commands {
		if _, err := r.do(command); err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
	}
	return nil
}

// do executes a command and returns a reply that is a string or a number.
func (r *Redis) do(command string) (string, error) {
	conn, err := net.Dial("unix", r.socket())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		return "", err
	}
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	switch line[:1] {
	case "-":
		return "", errors.New(line[1:])
	case "$":
		length, err := strconv.Atoi(line[1:])
		if err != nil {
			return "", err
		}
		text := make([]byte, max(length, 0))
		_, err = io.ReadFull(reader, text)
		return string(text), err
	}
	return line[1:], nil
}

func (r *Redis) socket() string { return filepath.Join(r.dir, "s") }

func (r *Redis) data() string { return filepath.Join(r.dir, "data") }

func (r *Redis) signal(s syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(r.dir, "pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	return syscall.Kill(pid, s)
}
