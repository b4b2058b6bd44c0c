package pull_test

import (
	"cmp"
	"errors"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

const longest = time.Duration(math.MaxInt64) // the usual way in Go to write "forever"

// numbers are the fields of Config that are counts, sizes or times.
func numbers(c *pull.Config) map[string]reflect.Value {
	fields := make(map[string]reflect.Value)
	for i := range reflect.TypeFor[pull.Config]().NumField() {
		field := reflect.ValueOf(c).Elem().Field(i)
		if kind := field.Kind(); kind == reflect.Int || kind == reflect.Int64 {
			fields[reflect.TypeFor[pull.Config]().Field(i).Name] = field
		}
	}
	return fields
}

func TestExtremesOfTheConfigurationAreServedOrRefused(t *testing.T) {
	refused := map[string][]int64{"Tick": {1}, "WatchTTL": {1}, "GrantTTL": {1}} // besides negative numbers
	for name := range numbers(new(pull.Config)) {
		for _, n := range []int64{math.MinInt64, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64} {
			t.Run(name+" "+strconv.FormatInt(n, 10), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					configure := func(c *pull.Config) { numbers(c)[name].SetInt(n) }
					config := pull.Config{User: func(echo.Context) (string, error) { return "", nil }}
					configure(&config)
					if n < 0 && name != "PresenceGrace" && name != "PushPatience" && name != "DOMEvents" || slices.Contains(refused[name], n) {
						if _, err := pull.New(config); err == nil {
							t.Error("New: got nil, want an error")
						}
						return
					}
					a := newApp(t, configure)
					defer a.stop(t)
					if name == "EventBytes" && n == 1 {
						if err := a.Send(t.Context(), pull.User("1"), event("x", nil)); !errors.Is(err, pull.ErrTooLarge) {
							t.Errorf("got %v, want %v", err, pull.ErrTooLarge)
						}
						return
					}
					serves(t, a)
				})
			})
		}
	}
}

// serves fails unless a page receives events for its user and its tag, and recovers
// what it has missed or is notified of a gap.
func serves(t *testing.T, a *app) {
	t.Helper()
	grant(t, a, "1", "T")
	if got := a.Watch().Users("T"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("watched by %q, want 1", got)
	}
	r, _ := a.fresh(t, "1")
	send(t, a, pull.User("1"), "one")
	synctest.Wait()
	send(t, a, pull.Tag("T"), "two")
	r.sees(t, "one", "two")
	r.leave()
	synctest.Wait()
	r, at := a.fresh(t, "1")
	r.leave()
	for _, command := range []string{"three", "four", "five"} {
		send(t, a, pull.Tag("T"), command)
	}
	synctest.Wait()
	r = a.dial(t, "1", "?cursor="+at).read()
	commands, hellos, err := r.wait()
	if err != nil || len(hellos) == 0 {
		t.Fatalf("returned: got hellos %v and error %v, want a hello", hellos, err)
	}
	if hellos[0].Params["recovered"] == true && !slices.Equal(commands, []string{"three", "four", "five"}) {
		t.Errorf("got %q without a gap, want three, four and five", commands)
	}
	before := time.Now()
	pass(time.Minute)
	if took := time.Since(before); took != time.Minute {
		t.Errorf("a minute took %s", took)
	}
}

func TestWhatLivesForeverIsReplayed(t *testing.T) {
	for _, ttl := range []time.Duration{0, time.Hour, 100 * 365 * 24 * time.Hour, 236 * 365 * 24 * time.Hour, longest - time.Second, longest} {
		synctest.Test(t, func(t *testing.T) {
			a := newApp(t, func(c *pull.Config) { c.WindowAge, c.WatchTTL, c.PresenceGrace = longest, longest, longest })
			defer a.stop(t)
			grant(t, a, "1", "T")
			r, at := a.fresh(t, "1")
			r.leave()
			e := event("x", nil)
			e.TTL = ttl
			sendEvent(t, a, pull.Tag("T"), e)
			pass(40 * time.Minute)

			a.resume(t, "1", at).sees(t, "x")

			if got := a.Watch().Extend("1", "T"); !got["T"] {
				t.Error("the watch has ended")
			}
			if got := a.Presence().Users(); !slices.Equal(got, []string{"1"}) {
				t.Errorf("online: got %q, want 1", got)
			}
		})
	}
}

func TestPagesExtendTheirWatchesInTime(t *testing.T) {
	for _, ttl := range []time.Duration{
		25 * time.Millisecond, time.Second, 0, 12 * 24 * time.Hour, 30 * 24 * time.Hour, 200 * 365 * 24 * time.Hour, longest,
	} {
		a := newApp(t, func(c *pull.Config) { c.WatchTTL = ttl })
		a.echo.GET("/page", func(c echo.Context) error { return c.HTML(200, string(a.Head(c))) })
		page := text(a.get(t, "/page", userHeader, "1"))
		a.stop(t)

		found := regexp.MustCompile(`data-extend="([0-9.]+)"`).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("WatchTTL %s: no plain number in %s", ttl, page)
		}
		every, err := strconv.ParseFloat(found[1], 64)

		if err != nil || every <= 0 || every >= 1e6 || ttl > 0 && every >= ttl.Seconds() {
			t.Errorf("WatchTTL %s: extended every %v s, want less than that, and than a million", ttl, every)
		}
	}
}

// Pages renew their grants as often as they extend watches.
func TestPagesRenewTheirGrantsInTime(t *testing.T) {
	for _, c := range []struct{ watch, grant time.Duration }{
		{0, time.Minute}, {0, 10 * time.Second}, {48 * time.Hour, 0}, {longest, 0}, {longest, longest},
	} {
		a := newApp(t, func(config *pull.Config) { config.WatchTTL, config.GrantTTL = c.watch, c.grant })
		a.echo.GET("/page", func(c echo.Context) error { return c.HTML(200, string(a.Head(c))) })
		page := text(a.get(t, "/page", userHeader, "1"))
		a.stop(t)

		found := regexp.MustCompile(`data-extend="([0-9.]+)"`).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("%+v: no plain number in %s", c, page)
		}
		every, err := strconv.ParseFloat(found[1], 64)

		if most := cmp.Or(c.grant, 24*time.Hour).Seconds() / 2; err != nil || every > most {
			t.Errorf("%+v: renewed every %v s, want at most %v, half of what a grant lives", c, every, most)
		}
	}
}

// A watch that is extended in time continues, however short its TTL is.
func TestShortWatchLivesAsLongAsItIsExtended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.WatchTTL = 100 * time.Millisecond })
		defer a.stop(t)
		grant(t, a, "1", "T")
		for range 20 {
			pass(90 * time.Millisecond)
			if !a.Watch().Extend("1", "T")["T"] {
				t.Fatal("the watch has ended, although it was extended in time")
			}
			synctest.Wait()
		}
		pass(100 * time.Millisecond)
		if a.Watch().Extend("1", "T")["T"] {
			t.Error("the watch goes on without an extension")
		}
	})
}
