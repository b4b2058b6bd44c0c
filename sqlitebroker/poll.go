package sqlitebroker

import (
	"context"
	"os"
	"time"
)

// A poll looks for commits of other processes without asking SQLite: they write
// to the write-ahead log. That costs a microsecond, a query twenty.
type poll struct {
	path   string // of the write-ahead log
	every  time.Duration
	before time.Time // when the last query began
	mark   mark      // what the write-ahead log was like then
}

type mark struct {
	size     int64
	modified time.Time
}

const (
	// coarse is longer than the clocks of file systems stand still. What was
	// written in that time before a query may have been written again after it.
	coarse = 50 * time.Millisecond
	// longest is how long nothing is read, whatever the file looks like: some
	// systems keep the time of an open file to themselves.
	longest = 500 * time.Millisecond
)

// begin notes what a query that begins now will see.
func (p *poll) begin() { p.before, p.mark = time.Now(), p.look() }

func (p *poll) look() mark {
	info, err := os.Stat(p.path)
	if err != nil {
		return mark{}
	}
	return mark{info.Size(), info.ModTime()}
}

// wait returns when there may be something new, and whether it is that of another
// process.
func (p *poll) wait(ctx context.Context, news <-chan struct{}) (other bool) {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		select {
		case <-news:
			return false
		case <-ctx.Done():
			return false
		case <-tick.C:
			if p.due() {
				return true
			}
		}
	}
}

func (p *poll) due() bool {
	recent := p.before.Sub(p.mark.modified) < coarse
	return recent || time.Since(p.before) >= longest || p.look() != p.mark
}
