package pull

import (
	"errors"
	"math"
	"time"
)

// errFlood ends the reading of a connection that sends more than any page.
var errFlood = errors.New("pull: too fast")

// A flood is what a connection may send, whatever it is made of. It belongs to
// the goroutine that reads the connection.
type flood struct {
	bytes    allowance
	controls allowance
}

// ofBytes is more than the frames take that a client may send. Each read counts
// as some bytes more: a byte at a time would be cheap to send and dear to read.
var ofBytes = rate{burst: 512 << 10, every: time.Second / (64 << 10)} //nolint:gochecknoglobals // a constant

const readCost = 64

// read notes what was read, and tells whether reading may go on.
func (f *flood) read(bytes int) bool {
	return f.bytes.take(ofBytes, bytes+readCost, time.Now()) || f.end()
}

// control notes a ping or a pong, and tells whether reading may go on.
func (f *flood) control(r rate) bool {
	return f.controls.take(r, 1, time.Now()) || f.end()
}

// end lets no further reading go on.
func (f *flood) end() (more bool) {
	f.bytes = allowance{full: math.MaxInt64 / 2, every: ofBytes.every} // not in a lifetime
	return false
}

// controlRate is how many pings and pongs a client may send: as many as requests,
// and an answer to each ping, which may all come late and together.
func controlRate(tick, pongWait time.Duration) rate {
	return rate{burst: ofRequests.burst + 2*int(pongWait/tick), every: min(ofRequests.every, tick/2)}
}
