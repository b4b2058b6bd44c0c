package conn

import (
	"errors"
	"time"

	"github.com/echo-pull/pull/internal/rate"
)

// errFlood ends the reading of a connection that sends more than any page does.
var errFlood = errors.New("pull: too fast")

// RequestRate limits the requests of one connection, and of a client without
// one. All connections of a user together have as many times this limit.
var RequestRate = rate.Limit{Burst: 20, Every: 500 * time.Millisecond} //nolint:gochecknoglobals // a constant

// A flood limits what a client may send, whatever its content. It is owned by
// the goroutine that reads the connection; it is not guarded.
type flood struct {
	bytes    rate.Allowance
	controls rate.Allowance
}

// byteRate allows more bytes than a client within its other limits can send.
// Each read costs readCost bytes in addition: sending single bytes is cheap for
// the client, but reading them is not.
var byteRate = rate.Limit{Burst: 512 << 10, Every: time.Second / (64 << 10)} //nolint:gochecknoglobals // a constant

const readCost = 64

// allowRead counts a read of some bytes and reports whether reading may go on.
func (f *flood) allowRead(bytes int) bool {
	return f.bytes.Take(byteRate, bytes+readCost, time.Now()) || f.exhaust()
}

// allowControl counts a ping or a pong and reports whether reading may go on.
func (f *flood) allowControl(r rate.Limit) bool {
	return f.controls.Take(r, 1, time.Now()) || f.exhaust()
}

// exhaust makes all following reads fail.
func (f *flood) exhaust() (more bool) {
	f.bytes.Exhaust(byteRate)
	return false
}

// newControlRate returns the limit of a client's pings and pongs: as many as
// requests, and a pong for each of our pings, which may all arrive late and
// together.
func newControlRate(tick, pongWait time.Duration) rate.Limit {
	return rate.Limit{Burst: RequestRate.Burst + 2*int(pongWait/tick), Every: min(RequestRate.Every, tick/2)}
}
