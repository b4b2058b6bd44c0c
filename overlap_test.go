package pull_test

import (
	"bufio"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// processes are the successive processes of an application with one state file.
// Several may run at a time, as in a deployment without downtime.
type processes struct {
	t        *testing.T
	file     string
	reported reports
	dead     []*app // crashed; here they continue, but nothing uses them
}

func newProcesses(t *testing.T) *processes {
	t.Helper()
	return &processes{t: t, file: filepath.Join(t.TempDir(), "state")}
}

func (s *processes) start() *app {
	return newApp(s.t, func(c *pull.Config) { c.StateFile, c.OnError = s.file, s.reported.add })
}

// crash ends the process without a shutdown. Here it is merely never used again.
func (s *processes) crash(a *app) { s.dead = append(s.dead, a) }

// close stops the crashed processes.
func (s *processes) close() {
	for _, a := range s.dead {
		_ = a.end(s.t)
	}
}

// at returns the cursor of a page that disconnects at once.
func (s *processes) at(a *app) string {
	p, at := a.fresh(s.t, "1")
	p.leave()
	return at
}

// recovers returns what a page with a cursor receives, or false if it is a gap.
func (s *processes) recovers(a *app, at string) (commands []string, recovered bool) {
	r := a.dial(s.t, "1", "?cursor="+at).read()
	synctest.Wait()
	commands, hellos, err := r.wait()
	if err != nil || len(hellos) == 0 {
		s.t.Fatalf("got %v, %v, want a hello", hellos, err)
	}
	r.leave()
	return commands, hellos[0].Params["recovered"] == true
}

func TestProcessesThatOverlapOnAStateFileAreAGap(t *testing.T) {
	for name, live := range map[string]func(t *testing.T, s *processes) (last *app, at []string){
		"the second crashes": func(t *testing.T, s *processes) (*app, []string) {
			first := s.start()
			at := s.at(first)
			second := s.start()
			first.stop(t)
			send(t, second, pull.User("1"), "missed")
			s.crash(second)
			return s.start(), []string{at}
		},
		"the first ends last": func(t *testing.T, s *processes) (*app, []string) {
			first, second := s.start(), s.start()
			at := []string{s.at(first), s.at(second)}
			send(t, second, pull.User("1"), "missed")
			second.stop(t)
			send(t, first, pull.User("1"), "missed")
			first.stop(t)
			return s.start(), at
		},
		"the second ends last": func(t *testing.T, s *processes) (*app, []string) {
			first, second := s.start(), s.start()
			at := []string{s.at(first), s.at(second)}
			send(t, first, pull.User("1"), "missed")
			first.stop(t)
			second.stop(t)
			return s.start(), at
		},
		"three in a row": func(t *testing.T, s *processes) (*app, []string) {
			first, second := s.start(), s.start()
			at := []string{s.at(first), s.at(second)}
			first.stop(t)
			third := s.start()
			at = append(at, s.at(third))
			send(t, second, pull.User("1"), "missed")
			second.stop(t)
			third.stop(t)
			return s.start(), at
		},
		"the second is brief": func(t *testing.T, s *processes) (*app, []string) {
			first := s.start()
			at := s.at(first)
			second := s.start()
			send(t, second, pull.User("1"), "missed")
			second.stop(t)
			first.stop(t)
			return s.start(), []string{at}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newProcesses(t)
				last, cursors := live(t, s)

				for _, at := range cursors {
					if _, recovered := s.recovers(last, at); recovered {
						t.Errorf("the page at %s recovered, although it has missed what another process sent", at)
					}
				}
				last.stop(t)
				s.close()
				if !s.reported.contain("another process") {
					t.Errorf("got reports %v, want one of the other process", s.reported.list)
				}
			})
		})
	}
}

// Its pages have missed what the other process has sent, and are notified.
func TestProcessThatIsAloneAgainKeepsItsLog(t *testing.T) {
	for name, overlap := range map[string]func(t *testing.T, s *processes) *app{
		"the new one": func(t *testing.T, s *processes) *app {
			first, second := s.start(), s.start()
			first.stop(t)
			return second
		},
		"the old one": func(t *testing.T, s *processes) *app {
			first, second := s.start(), s.start()
			second.stop(t)
			return first
		},
		"the last one": func(t *testing.T, s *processes) *app {
			a, b, c := s.start(), s.start(), s.start()
			b.stop(t)
			a.stop(t)
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newProcesses(t)
				a := overlap(t, s)
				page, _ := a.fresh(t, "1")
				pass(11 * time.Second)
				if _, hellos, _ := page.wait(); len(hellos) != 2 || hellos[1].Params["recovered"] != false {
					t.Errorf("got hellos %v, want a second one that reports a gap", hellos)
				}
				page.leave()
				at := s.at(a)
				send(t, a, pull.User("1"), "one")
				a.stop(t)

				a = s.start()

				if commands, recovered := s.recovers(a, at); !recovered || !slices.Equal(commands, []string{"one"}) {
					t.Errorf("got %q, recovered %t, want one", commands, recovered)
				}
				a.stop(t)
			})
		})
	}
}

func TestOnlyWhatWasSavedLastGoesOn(t *testing.T) {
	for name, replace := range map[string]func(file string, earlier []byte) error{
		"an earlier one": func(file string, earlier []byte) error { return os.WriteFile(file, earlier, 0o600) },
		"no record":      func(file string, _ []byte) error { return os.Remove(file + ".lock") },
		"record of another version": func(file string, _ []byte) error {
			return os.WriteFile(file+".lock", []byte("saved"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newProcesses(t)
				a := s.start()
				at := s.at(a)
				a.stop(t)
				earlier, err := os.ReadFile(s.file)
				if err != nil {
					t.Fatal(err)
				}
				a = s.start()
				send(t, a, pull.User("1"), "missed")
				a.stop(t)
				if err := replace(s.file, earlier); err != nil {
					t.Fatal(err)
				}

				a = s.start()

				if _, recovered := s.recovers(a, at); recovered {
					t.Error("the page recovered from a file that was not saved last")
				}
				if !s.reported.contain("saved last") {
					t.Errorf("got reports %v, want one with the reason", s.reported.list)
				}
				a.stop(t)
			})
		})
	}
}

// A file with a second name has a second record there.
func TestOtherNameOfAStateFileIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProcesses(t)
		a := s.start()
		at := s.at(a)
		a.stop(t)
		other := filepath.Join(filepath.Dir(s.file), "other")
		if err := os.Link(s.file, other); err != nil {
			t.Skip(err)
		}
		a = s.start()
		send(t, a, pull.User("1"), "missed")
		a.stop(t)
		s.file = other

		a = s.start()

		if _, recovered := s.recovers(a, at); recovered {
			t.Error("the page recovered from an earlier state")
		}
		a.stop(t)
	})
}

func TestShutdownThatCutsOffEventsKeepsNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProcesses(t)
		a := s.start()
		at := s.at(a)
		entered, leave, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
		a.echo.GET("/long", pull.Handler(func(c pull.Context) error {
			defer func() { close(entered); <-leave }()
			return c.Pull().Send(pull.User("1"), event("late", nil))
		}))
		go func() { defer close(left); a.get(t, "/long") }()
		<-entered
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Shutdown(ctx); err == nil {
			t.Error("Shutdown: got nil, want an error: the request goes on")
		}
		close(leave)
		<-left
		_ = a.end(t)

		a = s.start()
		defer a.stop(t)

		if _, recovered := s.recovers(a, at); recovered {
			t.Error("the page recovered, although an event was cut off")
		}
	})
}

// In whatever order processes start, stop and crash, a page that recovers in a new
// process receives everything sent since its cursor, or is notified of a gap.
func TestNoOrderOfStartsAndEndsLosesInSilence(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { (&disorder{processes: newProcesses(t)}).live(seed) })
		})
	}
}

// disorder starts and ends processes at random.
type disorder struct {
	*processes
	living  []*app
	sent    []string
	cursors map[string]int // cursor → number of events sent before it
}

func (d *disorder) live(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	d.cursors = make(map[string]int)
	for range 30 {
		if len(d.living) == 0 || len(d.living) < 3 && r.IntN(3) == 0 {
			d.begin()
			continue
		}
		i := r.IntN(len(d.living))
		a := d.living[i]
		switch r.IntN(6) {
		case 0, 1:
			a.stop(d.t)
			d.living = slices.Delete(d.living, i, i+1)
		case 2:
			if r.IntN(4) == 0 {
				d.crash(a)
				d.living = slices.Delete(d.living, i, i+1)
			}
		case 3:
			pass(time.Duration(r.IntN(25)) * time.Second)
		case 4:
			d.cursors[d.at(a)] = len(d.sent)
		default:
			d.sent = append(d.sent, strconv.Itoa(len(d.sent)))
			send(d.t, a, pull.User("1"), d.sent[len(d.sent)-1])
			synctest.Wait() // so that the event is before the next cursor
		}
	}
	for _, a := range d.living {
		a.stop(d.t)
	}
	d.close()
}

// begin starts a process and connects every page to it.
func (d *disorder) begin() {
	a := d.start()
	d.living = append(d.living, a)
	for at, known := range d.cursors {
		commands, recovered := d.recovers(a, at)
		if recovered && !slices.Equal(commands, d.sent[known:]) {
			d.t.Errorf("the page at %s recovered with %q, want %q", at, commands, d.sent[known:])
		}
	}
}

// A killed process releases its state file.
func TestKilledProcessGivesItsStateFileBack(t *testing.T) {
	const variable = "PULL_TEST_STATE_FILE"
	if file := os.Getenv(variable); file != "" {
		newApp(t, func(c *pull.Config) { c.StateFile = file })
		_, _ = os.Stdout.WriteString("lives\n")
		select {} // wait to be killed
	}
	s := newProcesses(t)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), variable+"="+s.file)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "lives\n" {
		t.Fatalf("got %q and %v from the child", line, err)
	}
	beside := s.start()
	beside.stop(t)
	if !s.reported.contain("another process") {
		t.Errorf("got reports %v beside a living process, want one of it", s.reported.list)
	}
	_ = child.Process.Kill()
	_ = child.Wait()

	s.reported.list = nil
	synctest.Test(t, func(t *testing.T) {
		a := s.start()
		at := s.at(a)
		send(t, a, pull.User("1"), "kept")
		a.stop(t)
		a = s.start()
		defer a.stop(t)

		a.resume(t, "1", at).sees(t, "kept")
		if len(s.reported.list) > 0 {
			t.Errorf("got reports %v, want none", s.reported.list)
		}
	})
}
