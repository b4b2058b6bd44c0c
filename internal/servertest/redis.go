//go:build unix

package servertest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Redis is a Redis server with an append-only file, that listens at a socket in a
// directory of its own.
type Redis struct {
	dir   string
	life  *os.File      // the server ends when it is closed
	ended chan struct{} // closed when the server has ended
}

// NewRedis starts an empty server, which ends with the test. The options are those
// of the program redis-server.
func NewRedis(t testing.TB, options ...string) *Redis {
	t.Helper()
	program := Program(t, "redis-server", "redis")
	r := &Redis{dir: owner{}.directory(t)}
	args := append([]string{
		"--port", "0", "--unixsocket", r.socket(), "--dir", r.dir, "--appendonly", "yes", "--save", "",
	}, options...)
	var err error
	if r.life, r.ended, err = launch(owner{}, r.dir, "KILL", program, args...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	if err := eventually(r.ping); err != nil {
		log, _ := os.ReadFile(filepath.Join(r.dir, logFile))
		t.Fatalf("start of Redis: %v\n%s", err, log)
	}
	return r
}

// URL returns the URL of the database.
func (r *Redis) URL() string { return "unix://" + r.socket() }

func (r *Redis) socket() string { return filepath.Join(r.dir, "s") }

// stop ends the server at once and waits for it.
func (r *Redis) stop() {
	_ = r.life.Close()
	<-r.ended
}

// ping returns nil if the server takes commands.
func (r *Redis) ping() error {
	conn, err := net.Dial("unix", r.socket())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprint(conn, "PING\r\n"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(answer, "+PONG") {
		err = errors.New(strings.TrimSpace(answer))
	}
	return err
}
