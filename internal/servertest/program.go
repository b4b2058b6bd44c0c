//go:build unix

package servertest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Program returns the path of a program: the newest in places, which are
// patterns of directories, or one in PATH. If there is none it skips the test,
// and names the argument of scripts/setup that installs it.
func Program(t testing.TB, name, setup string, places ...string) string {
	t.Helper()
	for _, place := range append(places, "/usr/sbin") {
		paths, _ := filepath.Glob(filepath.Join(place, name))
		slices.SortFunc(paths, func(a, b string) int {
			return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) // version 10 after 9
		})
		if len(paths) > 0 {
			return paths[len(paths)-1]
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: run scripts/setup %s", name, setup)
	}
	t.Skipf("%s is missing: run scripts/setup %s", name, setup)
	return ""
}

// An owner runs a server: another user if this one is root.
type owner struct {
	other    bool
	uid, gid int
}

func findOwner(names ...string) (owner, error) {
	if os.Getuid() != 0 {
		return owner{}, nil
	}
	for _, name := range append(names, "nobody") {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return owner{}, err
		}
		gid, err := strconv.Atoi(u.Gid)
		return owner{true, uid, gid}, err
	}
	return owner{}, fmt.Errorf("found none of the users %q and nobody to run a server as", names)
}

func (o owner) attributes() *syscall.SysProcAttr {
	if !o.other {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}}
}

// directory returns a new one that the owner can write. Its path is short, as
// those of sockets must be.
func (o owner) directory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "server") //nolint:usetesting // that of a test is closed to other users
	if err == nil && o.other {
		err = os.Chown(dir, o.uid, o.gid)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// guarded returns a command that ends, by a signal to the program, when the returned
// file is closed, so also when this process dies. The shell starts the program with
// SIGINT and SIGQUIT ignored, so the program must handle them to end by them.
func guarded(signal, program string, args ...string) (*exec.Cmd, *os.File, error) {
	const script = `s=$1; shift; "$@" </dev/null 3<&- & p=$!; (read -r _ <&3; kill -$s $p) & w=$!; wait $p; kill $w`
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh", signal, program}, args...)...)
	alive, life, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.ExtraFiles = []*os.File{alive} // the caller closes it after the start
	return cmd, life, nil
}

// logFile has what a server writes, in its directory.
const logFile = "log"

// launch starts a server in its directory. The server ends, by the signal, when life
// is closed; ended is closed when it has.
func launch(o owner, dir, signal, program string, args ...string) (life *os.File, ended chan struct{}, err error) {
	cmd, life, err := guarded(signal, program, args...)
	if err != nil {
		return nil, nil, err
	}
	logs, err := os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, errors.Join(err, cmd.ExtraFiles[0].Close(), life.Close())
	}
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = dir, o.attributes(), logs, logs
	err = cmd.Start()
	_, _ = logs.Close(), cmd.ExtraFiles[0].Close()
	if err != nil {
		return nil, nil, errors.Join(err, life.Close())
	}
	ended = make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	return life, ended, nil
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
