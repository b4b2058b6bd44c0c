package soak

import "time"

// A Plan is what happens in a run.
type Plan struct {
	Program string // the example, built
	Folder  string // for the log; the caller removes it

	For   time.Duration // from the arrival of the last page until the last fault
	Pages int           // at least 40, half of them at each server

	Window  time.Duration // for which the servers keep events
	Sample  time.Duration // between two samples
	Shared  time.Duration // between two events to everyone
	Private time.Duration // between two events to a user
	Change  time.Duration // between two changes of a task, through the second server
	Cut     time.Duration // between two pages that lose their connections
	Crowd   time.Duration // between two times that a quarter of all pages lose their connections at once
	Burst   time.Duration // between two bursts, which the slow pages do not read at first
	Kill    time.Duration // between two kills of the second server
	Letters int           // events of a burst
	Log     func(format string, args ...any)
}

// Long is 30 minutes with 2,000 pages.
func Long() Plan {
	return Plan{
		For: 30 * time.Minute, Pages: 2000,
		Window: 5 * time.Minute, Sample: 5 * time.Second,
		Shared: 500 * time.Millisecond, Private: 50 * time.Millisecond, Change: 2 * time.Second,
		Cut: 500 * time.Millisecond, Crowd: 90 * time.Second, Burst: 60 * time.Second, Kill: 2 * time.Minute,
		Letters: 6000,
	}
}

// Short is three minutes with 400 pages, of which two minutes are under faults. The window
// is full, and memory is flat, before the half of that.
func Short() Plan {
	return Plan{
		For: 2 * time.Minute, Pages: 400,
		Window: 40 * time.Second, Sample: time.Second,
		Shared: 250 * time.Millisecond, Private: 50 * time.Millisecond, Change: time.Second,
		Cut: 500 * time.Millisecond, Crowd: 20 * time.Second, Burst: 15 * time.Second, Kill: 30 * time.Second,
		Letters: 6000,
	}
}

// The parts of all pages.
const (
	perUser     = 5   // pages of a resident
	oneInStream = 10  // pages that use Server-Sent Events
	oneInMobile = 50  // pages whose user watches /m, which gets the bursts
	oneInSlow   = 100 // pages of /m that read slowly
	oneInVisits = 20  // pages of visitors
)

const (
	arrival = 10 * time.Millisecond // between two pages that come for the first time
	restart = time.Second           // between a kill and the next start
)
