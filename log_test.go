package pull_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// newLoggingApp returns an application, and what it logs from a level on.
func newLoggingApp(t *testing.T, level slog.Level, configure func(*pull.Config)) (*app, *lines) {
	t.Helper()
	out := new(lines)
	return newApp(t, func(c *pull.Config) {
		c.Logger = slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
		if configure != nil {
			configure(c)
		}
	}), out
}

// logs fails the test unless a line was logged so many times.
func (l *lines) logs(t *testing.T, line string, times int) {
	t.Helper()
	if got := l.count(line); got != times {
		t.Errorf("%s was logged %d times, want %d:\n%s", line, got, times, l)
	}
}

func TestStartAndStopAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, out := newLoggingApp(t, slog.LevelInfo, nil)
		out.logs(t, `level=INFO msg="pull: started" node=`+a.Stats().Node+` broker=*broker.Memory`, 1)
		pass(time.Hour)
		a.stop(t)
		out.logs(t, `level=INFO msg="pull: stopped" node=`+a.Stats().Node+` after=1h0m0s took=0s`, 1)
		if n := out.count("\n"); n != 2 {
			t.Errorf("got %d lines in an hour without anything to note, want 2:\n%s", n, out)
		}
	})
}

func TestUnusableConfigurationIsLogged(t *testing.T) {
	for want, configure := range map[string]func(*pull.Config){
		"pull: Config.Tick is negative":                    func(c *pull.Config) { c.Tick = -1 },
		"pull: Config.MaxSessions is negative":             func(c *pull.Config) { c.MaxSessions = -1 },
		"pull: Config needs either User or Session":        func(c *pull.Config) { c.User = nil },
		"pull: Config.Secret has 3 bytes, the least is 32": func(c *pull.Config) { c.Secret = []byte("abc") },
	} {
		out := new(lines)
		config := pull.Config{User: func(echo.Context) (string, error) { return "", nil }, Logger: slog.New(slog.NewTextHandler(out, nil))}
		configure(&config)
		if _, err := pull.New(config); err == nil || err.Error() != want {
			t.Errorf("New returned %v, want %s", err, want)
		}
		out.logs(t, fmt.Sprintf(`level=WARN msg="pull: unusable configuration" error=%q`, want), 1)
		out.logs(t, "level=", 1)
	}
}

// What is found only later is logged in the same way, and goes to OnError if there is one.
func TestUnusableMountIsLoggedOnce(t *testing.T) {
	const want = "pull: cannot mount at /files/*: the wildcard matches the paths below it"
	for _, withOnError := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var reported []string
			a, out := newLoggingApp(t, slog.LevelWarn, func(c *pull.Config) {
				c.OnError = nil
				if withOnError {
					c.OnError = func(err error) { reported = append(reported, err.Error()) }
				}
			})
			a.Mount(a.echo.Group("/files/*"))
			a.stop(t)

			out.logs(t, fmt.Sprintf(`level=WARN msg="pull: unusable configuration" error=%q`, want), 1)
			out.logs(t, "cannot mount", 1)
			if withOnError != slices.Contains(reported, want) {
				t.Errorf("OnError got %q", reported)
			}
		})
	}
}

// Requests that are refused all the time are one line a minute, with their number.
func TestRefusalsAreLoggedOnceAMinuteForEachReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, out := newLoggingApp(t, slog.LevelWarn, nil)
		for range 5 * 60 {
			a.get(t, "/pull")
			pass(time.Second)
		}
		a.get(t, "/pull?client=a/b", userHeader, "42")
		a.stop(t)

		// One within ten seconds, one in each minute, and one at the end.
		const line = `level=WARN msg="pull: requests were refused" reason=`
		if n := out.count(line + "login"); n < 5 || n > 7 {
			t.Errorf("got %d lines in five minutes:\n%s", n, out)
		}
		out.logs(t, line+"malformed count=1", 1)
		if got := sumOf(out.String(), line+"login count="); got != 300 {
			t.Errorf("the lines count %d, want 300:\n%s", got, out)
		}
	})
}

// sumOf returns the sum of the numbers that follow a text.
func sumOf(out, text string) (sum int) {
	for _, rest := range strings.Split(out, text)[1:] {
		number, _, _ := strings.Cut(rest, "\n")
		n, _ := strconv.Atoi(number)
		sum += n
	}
	return sum
}

func TestGapsAndClosedSessionsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, out := newLoggingApp(t, slog.LevelInfo, func(c *pull.Config) { c.QueueBytes, c.EventBytes = 64<<10, 8<<10 })
		defer a.stop(t)
		a.dial(t, "2", "?cursor=other.1").hello(t)
		a.stall(t, "1")
		for i := range 40 {
			sendEvent(t, a, pull.User("1"), event(strconv.Itoa(i), pad(4<<10)))
			synctest.Wait()
		}
		pass(11 * time.Second)

		out.logs(t, `level=INFO msg="pull: sessions were notified of a gap" cause=epoch count=1`, 1)
		out.logs(t, `level=WARN msg="pull: sessions were closed" reason=slow_queue count=1`, 1)
	})
}

func TestNewEpochIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, out := newLoggingApp(t, slog.LevelInfo, func(c *pull.Config) { c.Broker = f })
		defer a.stop(t)
		pass(20 * time.Second)
		before := a.Stats().Epoch
		f.newEpoch()
		pass(time.Minute)

		out.logs(t, `level=INFO msg="pull: the log has a new epoch" from=`+before+" to="+a.Stats().Epoch, 1)
	})
}

func TestEpochThatIsNewSoonAfterTheStartIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, out := newLoggingApp(t, slog.LevelInfo, func(c *pull.Config) { c.Broker = f })
		before := a.Stats().Epoch
		f.newEpoch()
		pass(3 * time.Second)
		send(t, a, pull.Shared(), "in the new log")
		synctest.Wait()
		after := a.Stats().Epoch
		a.stop(t)

		out.logs(t, `level=INFO msg="pull: the log has a new epoch" from=`+before+" to="+after, 1)
	})
}

func TestSlowLogAndCrowdedQueueAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, out := newLoggingApp(t, slog.LevelWarn, func(c *pull.Config) { c.Broker, c.OnError = f, func(error) {} })
		defer a.stop(t)
		f.set(func(f *faults) { f.err = errBroker })
		a.echo.POST("/many", pull.Handler(func(c pull.Context) error {
			for range 12_000 {
				if err := c.Pull().Send(pull.User("1"), event("x", nil)); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		}))
		for range 3 {
			a.do(t, http.MethodPost, "/many", "", userHeader, "1")
		}
		pass(10 * time.Second)
		out.logs(t, `level=WARN msg="pull: the publisher's queue was more than half full" count=3232 events=36000 bytes=`, 1)
		f.set(func(f *faults) { f.err = nil })
		pass(20 * time.Second)

		out.logs(t, `level=WARN msg="pull: events were slow to come back from the log" count=3 above=1s`, 1)
	})
}

// What an operator sees of sessions while looking for a fault names users, and nothing
// with which someone could act for them.
func TestLivesOfSessionsAreLoggedForDebugging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, out := newLoggingApp(t, slog.LevelDebug, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "?client=secret")
		p.read()
		sendEvent(t, a, pull.User("42"), event("x", map[string]any{"secret": "secret"}))
		_, at := a.fresh(t, "7")
		pass(time.Minute)
		quit(p)
		a.resume(t, "7", at)
		s := a.stream(t, "9", "")
		synctest.Wait()
		if err := a.Disconnect("9"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.close()

		out.logs(t, `level=DEBUG msg="pull: session connected" user=42 transport=websocket`, 1)
		out.logs(t, `level=DEBUG msg="pull: session joined" user=42 transport=websocket took=0s`, 1)
		out.logs(t, `level=DEBUG msg="pull: session left" user=42 transport=websocket after=1m0s reason=dead`, 1)
		out.logs(t, `level=DEBUG msg="pull: session recovered" user=7 transport=websocket took=0s`, 1)
		out.logs(t, `level=DEBUG msg="pull: session left" user=9 transport=sse after=0s reason=disconnect`, 1)
		out.logs(t, "secret", 0)
	})
}

// A probe and a page that is refused have no life.
func TestOnlySessionsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, out := newLoggingApp(t, slog.LevelDebug, nil)
		defer a.stop(t)
		a.get(t, "/pull", userHeader, "42")
		a.get(t, "/pull")
		out.logs(t, "pull: session", 0)
	})
}
