package pull

import (
	"errors"
	"time"
)

// errFlood ends the reading of a connection that sends more than any page.
var errFlood = errors.New("pull: too fast")

// A flood is what a connection may send, whatever it is made of. It belongs to
// the goroutine that reads the connection.
type flood struct {
	bytes    allowance
	controls allowance
	over     bool
}

// ofBytes is more than the frames take that a client may send. Each read counts
// as some bytes more: a byte at a time would be cheap to send and dear to read.
var ofBytes = rate{burst: 512 << 10, every: time.Second / (64 << 10)}

const readCost = 64

// read notes what was read, and tells whether reading may go on.
func (f *flood) read(bytes int) bool {
	f.over = f.over || !f.bytes.take(ofBytes, bytes+readCost, time.Now())
	return !f.over
}

// control notes a ping or a pong, and tells whether reading may go on.
func (f *flood) control(r rate) bool {
	f.over = f.over || !f.controls.take(r, 1, time.Now())
	return !f.over
}

// controlRate is how many pings and pongs a client may send: as many as requests,
// and an answer to each ping, which may all come late and together.
func controlRate(tick, pongWait time.Duration) rate {
	return rate{burst: ofRequests.burst + 2*int(pongWait/tick), every: min(ofRequests.every, tick/2)}
}
