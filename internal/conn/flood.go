package conn

import (
	"errors"
	"time"

	"github.com/echo-pull/pull/internal/rate"
)

// errFlood ends the reading of a connection that sends more than any page.
var errFlood = errors.New("pull: too fast")

// RequestRate is what one connection may ask for, and what has asked without one.
// A user may ask for as much as all connections together.
var RequestRate = rate.Limit{Burst: 20, Every: 500 * time.Millisecond} //nolint:gochecknoglobals // a constant

// A flood is what a connection may send, whatever it is made of. It belongs to
// the goroutine that reads the connection.
type flood struct {
	bytes    rate.Allowance
	controls rate.Allowance
}

// ofBytes is more than the frames take that a client may send. Each read counts
// as some bytes more: a byte at a time would be cheap to send and dear to read.
var ofBytes = rate.Limit{Burst: 512 << 10, Every: time.Second / (64 << 10)} //nolint:gochecknoglobals // a constant

const readCost = 64

// read notes what was read, and tells whether reading may go on.
func (f *flood) read(bytes int) bool {
	return f.bytes.Take(ofBytes, bytes+readCost, time.Now()) || f.end()
}

// control notes a ping or a pong, and tells whether reading may go on.
func (f *flood) control(r rate.Limit) bool {
	return f.controls.Take(r, 1, time.Now()) || f.end()
}

// end lets no further reading go on.
func (f *flood) end() (more bool) {
	f.bytes.Exhaust(ofBytes)
	return false
}

// controlRate is how many pings and pongs a client may send: as many as requests,
// and an answer to each ping, which may all come late and together.
func controlRate(tick, pongWait time.Duration) rate.Limit {
	return rate.Limit{Burst: RequestRate.Burst + 2*int(pongWait/tick), Every: min(RequestRate.Every, tick/2)}
}
