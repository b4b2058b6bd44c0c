package pull_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestPlannedRestartLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		keep := func(c *pull.Config) { c.StateFile = file }
		a := newApp(t, keep)
		a.withPage("T")
		at := a.rendered(t, "1")
		send(t, a, pull.User("1"), "one")
		send(t, a, pull.Tag("T"), "two")
		a.stop(t)
		pass(3 * time.Second)

		a = newApp(t, keep)
		defer a.stop(t)
		send(t, a, pull.Tag("T"), "three")
		r := a.resume(t, "1", at)
		send(t, a, pull.Shared(), "four")

		r.sees(t, "one", "two", "three", "four")
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is still there (%v): after a crash it would be taken for the log", err)
		}
	})
}

func TestQuietPageIsStillThereAfterManyRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		keep := func(c *pull.Config) { c.StateFile = file }
		a := newApp(t, keep)
		grant(t, a, "1", "T")
		p, at := a.fresh(t, "1")
		p.leave()
		for i := range 5 {
			send(t, a, pull.Tag("T"), strconv.Itoa(i))
			a.stop(t)
			pass(time.Second)
			a = newApp(t, keep)
		}
		defer a.stop(t)

		r := a.resume(t, "1", at)

		r.sees(t, "0", "1", "2", "3", "4")
	})
}

func TestCrashIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		keep := func(c *pull.Config) { c.StateFile = file }
		a := newApp(t, keep)
		a.stop(t)
		a = newApp(t, keep) // claims the file, and then crashes
		p, at := a.fresh(t, "1")
		p.leave()
		send(t, a, pull.User("1"), "lost")

		b := newApp(t, keep)
		r := b.dial(t, "1", "?cursor="+at).read()

		r.learnsOfAGap(t)
		b.stop(t)
		a.stop(t)
	})
}

// If the configuration names another file by mistake, that file is not overwritten.
func TestFileInPlaceOfAStateFileIsKept(t *testing.T) {
	const key = "-----BEGIN CERTIFICATE-----"
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	var reported reports

	newApp(t, func(c *pull.Config) { c.StateFile, c.OnError = file, reported.add }).stop(t)

	if got, err := os.ReadFile(file + ".unused"); string(got) != key || err != nil {
		t.Errorf("got %q and %v, want what was in the file", got, err)
	}
	if !reported.contain(file + ".unused") {
		t.Errorf("got reports %v, want one with the path of the file", reported.list)
	}
}

func TestUnusableStateFileIsAReportedGap(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":        func([]byte) []byte { return nil },
		"foreign":      func([]byte) []byte { return []byte("-----BEGIN CERTIFICATE-----") },
		"half-written": func(b []byte) []byte { return b[:len(b)/2] },
		"cut header":   func(b []byte) []byte { return b[:20] },
		"damaged":      func(b []byte) []byte { b[len(b)-20] ^= 1; return b },
		"longer":       func(b []byte) []byte { return append(b, 0) },
		"other version": func(b []byte) []byte {
			return []byte(strings.Replace(string(b), "state 1", "state 2", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reported reports
				file := filepath.Join(t.TempDir(), "state")
				keep := func(c *pull.Config) { c.StateFile, c.OnError = file, reported.add }
				a := newApp(t, keep)
				p, at := a.fresh(t, "1")
				p.leave()
				send(t, a, pull.User("1"), "one")
				a.stop(t)
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, damage(content), 0o600); err != nil {
					t.Fatal(err)
				}

				a = newApp(t, keep)
				defer a.stop(t)
				r := a.dial(t, "1", "?cursor="+at).read()

				r.learnsOfAGap(t)
				if !reported.contain("state file") {
					t.Errorf("got reports %v, want one of the state file", reported.list)
				}
				send(t, a, pull.User("1"), "ours")
				if commands, _, _ := r.wait(); !slices.Equal(commands, []string{"ours"}) {
					t.Errorf("got %q, want what is sent now", commands)
				}
			})
		})
	}
}

func TestStateFileThatCannotBeWrittenIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		a := newApp(t, func(c *pull.Config) { c.StateFile = file })
		if err := os.MkdirAll(filepath.Join(file, "in the way"), 0o700); err != nil {
			t.Fatal(err)
		}

		err := a.end(t)

		if err == nil || !strings.Contains(err.Error(), "save state") {
			t.Errorf("got %v, want an error that names the state", err)
		}
	})
}

func TestPlaceThatCannotHoldAStateFileIsAnErrorOfNew(t *testing.T) {
	for name, place := range map[string]func(dir string) (file string, err error){
		"missing directory": func(dir string) (string, error) { return filepath.Join(dir, "missing", "state"), nil },
		"a directory":       func(dir string) (string, error) { return dir, nil },
		"under a file": func(dir string) (string, error) {
			return filepath.Join(dir, "file", "state"), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)
		},
		"a link": func(dir string) (string, error) {
			return filepath.Join(dir, "link"), os.Symlink(filepath.Join(dir, "state"), filepath.Join(dir, "link"))
		},
		"a device": func(string) (string, error) { return os.DevNull, nil },
		"in the way": func(dir string) (string, error) {
			return filepath.Join(dir, "state"), os.Mkdir(filepath.Join(dir, "state.lock"), 0o700)
		},
		"long name":    func(dir string) (string, error) { return filepath.Join(dir, strings.Repeat("x", 300)), nil },
		"no file name": func(dir string) (string, error) { return filepath.Join(dir, "a\x00b"), nil },
		"where nobody may write": func(string) (string, error) { // fails even for root
			_, err := os.Stat("/proc/self")
			return "/proc/state", err
		},
		"not writable": func(dir string) (string, error) { return filepath.Join(dir, "state"), os.Chmod(dir, 0o500) },
	} {
		t.Run(name, func(t *testing.T) {
			file, err := place(t.TempDir())
			if err != nil {
				t.Skip(err)
			}
			if name == "not writable" && os.Getuid() <= 0 {
				t.Skip("root may write anywhere, and directories of Windows have no such mode")
			}

			p, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "", nil }, StateFile: file})

			if err == nil || !strings.Contains(err.Error(), "state file") {
				t.Errorf("got %v, want an error that names the state file", err)
			}
			if p != nil {
				t.Errorf("got a plugin beside %v", err)
				_ = p.Shutdown(t.Context())
			}
		})
	}
}
