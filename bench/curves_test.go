package main

import (
	"fmt"
	"testing"

	"github.com/echo-pull/pull"
)

// BenchmarkRouting measures an event to one user among many sessions, from Send
// until the page has it.
func BenchmarkRouting(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("sessions=%d", n), func(b *testing.B) {
			a := newApp(b)
			a.openMany(n)

			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a.hearing.Add(1)
				a.send(b, pull.User(user(i%n)))
				a.hearing.Wait()
			}
		})
	}
}

const readers = 1000 // pages that reconnect

// BenchmarkReplay measures the reconnect of a page that has missed ten messages
// among many for other users, from the request until the page has them. Pages
// take turns, because replay to one user is limited.
func BenchmarkReplay(b *testing.B) {
	const missed = 10
	for _, n := range []int{100, 1000, 10_000, 90_000} {
		b.Run(fmt.Sprintf("window=%d", n), func(b *testing.B) {
			a := newApp(b)
			before := a.cursor(b)
			for i := range n {
				to := pull.User("somebody else")
				if i%(n/missed) == 0 {
					to = pull.Shared()
				}
				a.send(b, to)
			}

			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a.hearing.Add(missed)
				leave := a.open(user(i%readers), before)
				a.hearing.Wait()
				leave()
			}
		})
	}
}

// BenchmarkReplayLength varies the number of missed messages, which is what the
// cost of a replay should depend on.
func BenchmarkReplayLength(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("missed=%d", n), func(b *testing.B) {
			a := newApp(b)
			before := a.cursor(b)
			for range n {
				a.send(b, pull.Shared())
			}

			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a.hearing.Add(n)
				leave := a.open(user(i%readers), before)
				a.hearing.Wait()
				leave()
			}
		})
	}
}

// BenchmarkTag measures an event to the watchers of a tag, each of which has a
// page, until the last page has it.
func BenchmarkTag(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("watchers=%d", n), func(b *testing.B) {
			a := newApp(b)
			watch(b, a, n)
			a.openMany(n)

			b.ReportAllocs()
			for b.Loop() {
				a.hearing.Add(n)
				a.send(b, pull.Tag("TASK_7"))
				a.hearing.Wait()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/watcher")
		})
	}
}

// BenchmarkWatch grants and ends a watch of a tag that others watch too.
func BenchmarkWatch(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("watchers=%d", n), func(b *testing.B) {
			a := newApp(b)
			watch(b, a, n)

			b.ReportAllocs()
			for b.Loop() {
				if err := a.plugin.Watch().Add("newcomer", "TASK_7"); err != nil {
					b.Fatal(err)
				}
				if err := a.plugin.Watch().Delete("newcomer", "TASK_7"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func watch(tb testing.TB, a *app, n int) {
	tb.Helper()
	for i := range n {
		if err := a.plugin.Watch().Add(user(i), "TASK_7"); err != nil {
			tb.Fatal(err)
		}
	}
}
