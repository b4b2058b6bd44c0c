package wire

import (
	"cmp"
	"time"
)

// The kinds of publication.
const (
	Broadcast = "broadcast" // to everyone
	User      = "user"      // to one user after the other
	Tag       = "tag"       // to one tag after the other, each held by 1 % of the users
	Request   = "request"   // one HTTP request sends ten events to a user, then to the next
	One       = "one"       // one HTTP request sends one event to a user, then to the next
)

const (
	// Tags is the number of tags by default: user number i holds tag i modulo it.
	Tags = 100

	// EventsPerRequest is how many events one handler sends in a job of kind Request.
	EventsPerRequest = 10

	// abreast limits the messages in flight if many sets of receivers take
	// turns, because the window of each connection alone would allow a flood.
	abreast = 1000
)

// A Job is one publication: the body of POST /publish.
type Job struct {
	Kind   string        `json:"kind"`
	First  int64         `json:"first"`  // number of the first message
	Count  int64         `json:"count"`  // maximum number of messages
	Size   int           `json:"size"`   // of a message, in bytes
	HTML   bool          `json:"html"`   // messages contain HTML instead of one repeated letter
	Users  int           `json:"users"`  // user numbers are below this
	Tags   int64         `json:"tags"`   // that the users hold; 0 means Tags
	Window int64         `json:"window"` // messages in flight per connection; 0 publishes at Rate
	Rate   float64       `json:"rate"`   // messages per second, on a fixed schedule
	For    time.Duration `json:"for"`    // time limit of the job; in ns
}

// Groups returns how many sets of receivers take turns. Each message goes to one set.
func (j Job) Groups() int64 {
	switch j.Kind {
	case User, Request, One:
		return int64(j.Users)
	case Tag:
		return cmp.Or(j.Tags, Tags)
	default:
		return 1
	}
}

// Unit returns how many messages in a row a set of receivers gets.
func (j Job) Unit() int64 {
	if j.Kind == Request {
		return EventsPerRequest
	}
	return 1
}

// InFlight returns how many messages may be unacknowledged when the next unit is
// sent. No connection ever has more than Window of them waiting (or one unit).
func (j Job) InFlight() int64 {
	each := max(j.Window, j.Unit())
	return each * min(j.Groups(), max(1, abreast/each))
}

// Stride returns how often the client reports progress. If many small sets of
// receivers take turns, it reports for half of what is in flight at once, so
// that the server spends its CPU on messages and not on reports.
func (j Job) Stride() int64 {
	if j.Groups() == 1 {
		return 1
	}
	return max(1, j.InFlight()/2)
}

// Group returns the set of receivers of message seq.
func (j Job) Group(seq int64) int64 {
	return (seq - j.First) / j.Unit() % j.Groups()
}

// Published is the response to a Job.
type Published struct {
	Messages int64         `json:"messages"`
	Elapsed  time.Duration `json:"elapsed"` // ns
	CPU      time.Duration `json:"cpu"`     // user + system time of the server process; ns
	Mallocs  uint64        `json:"mallocs"` // 0 if the runtime does not report it
	Stalled  bool          `json:"stalled"` // progress ended before the job did
	Errors   int64         `json:"errors"`  // messages that the peer rejected
}

// Stats is the response to GET /stats.
type Stats struct {
	CPU        time.Duration `json:"cpu"` // ns
	RSS        uint64        `json:"rss"`
	Heap       uint64        `json:"heap"`  // in use
	Stack      uint64        `json:"stack"` // in use
	Mallocs    uint64        `json:"mallocs"`
	Goroutines int           `json:"goroutines"`
	Version    string        `json:"version"` // of the runtime and the peer's library
	Window     Window        `json:"window"`  // zero if the peer has none
}

// Window is what a peer remembers for pages that reconnect.
type Window struct {
	Messages int `json:"messages"`
	Bytes    int `json:"bytes"` // as the peer counts them
}

// Ready is the first line that a server process prints.
type Ready struct {
	Addr    string `json:"addr"`    // for clients
	Control string `json:"control"` // for the driver
	Dialect string `json:"dialect"` // of the clients
}
