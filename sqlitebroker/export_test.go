package sqlitebroker

import "time"

// SetClock puts the clock of a broker ahead, as on a computer whose clock is wrong.
// Nobody uses the broker yet.
func SetClock(b *Broker, ahead time.Duration) {
	b.clock = func() time.Time { return time.Now().Add(ahead) }
}

// NewAfterBoot is New on a computer that has started again.
func NewAfterBoot(c Config, boot string) (*Broker, error) {
	return open(c, boot)
}

// NobodyKnows is the boot of an operating system that has no name for it.
const NobodyKnows = nobodyKnows
