package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/oplog"
)

const (
	lookEvery = 10 * time.Second // how often the journal compares what is counted

	// journalEvery is the shortest time between two lines about the same thing.
	journalEvery = time.Minute

	// slowLog is how long an event may take to the log and back before the log
	// counts as slow. It is a bound of the histogram.
	slowLog = time.Second
)

// A journal logs what the node has counted: for each thing at most one line a minute, with
// the number since the last one. It is owned by a goroutine of its own: a logger that is
// slow delays nothing else.
type journal struct {
	logger *slog.Logger
	epoch  string              // the last one that was seen
	lines  map[lineKey]counted // what was logged
}

// A lineKey is what a line is about.
type lineKey struct {
	message *oplog.Message
	cause   string
}

// A counted is what was logged about something.
type counted struct {
	count uint64    // the number up to the last line
	at    time.Time // when that was
}

func newJournal(logger *slog.Logger) journal {
	return journal{logger: logger, lines: make(map[lineKey]counted)}
}

// keepJournal keeps a journal until ctx ends.
func (e *Engine) keepJournal(ctx context.Context) {
	j := newJournal(e.config.Logger)
	next := time.NewTicker(lookEvery)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			j.look(e, time.Now(), true)
			return
		case now := <-next.C:
			j.look(e, now, false)
		}
	}
}

// closings are the reasons in Stats.CutBy that are worth a line: the others are part of
// every day, or are caused by the application itself.
var closings = []string{"flood", "log", "replay", "slow_queue", "slow_window", "violation"} //nolint:gochecknoglobals // a constant

// look logs what has happened since the last call, unless it is too early for another
// line. The last look, before the end, logs everything.
func (j *journal) look(e *Engine, now time.Time, last bool) {
	if j.epoch == "" { // the log may have been replaced since
		j.epoch = e.hub.FirstEpoch()
	}
	s := e.Stats()
	if j.epoch != "" && j.epoch != s.Epoch {
		oplog.EpochChanged.Log(j.logger, j.epoch, s.Epoch)
	}
	j.epoch = s.Epoch
	byCause := func(m *oplog.Message, counts map[string]uint64, causes []string) {
		for _, cause := range causes {
			if n := j.since(lineKey{m, cause}, counts[cause], now, last); n > 0 {
				m.Log(j.logger, cause, n)
			}
		}
	}
	byCause(&oplog.Gaps, s.GapsBy, slices.Sorted(maps.Keys(s.GapsBy)))
	byCause(&oplog.Refused, s.Refused, slices.Sorted(maps.Keys(s.Refused)))
	byCause(&oplog.Cut, s.CutBy, closings)
	if n := j.since(lineKey{&oplog.SlowLog, ""}, e.hub.LogLag().Above(slowLog), now, last); n > 0 {
		oplog.SlowLog.Log(j.logger, n, slowLog)
	}
	if n := j.since(lineKey{&oplog.QueueHalfFull, ""}, e.publisher.Counts().Crowded, now, last); n > 0 {
		oplog.QueueHalfFull.Log(j.logger, n, s.PublisherEvents, s.PublisherBytes)
	}
}

// since returns how much a counter has grown since the last line about it, or 0 if it is
// too early for another one.
func (j *journal) since(key lineKey, count uint64, now time.Time, last bool) uint64 { //nolint:revive // last is a fact, not a mode
	before := j.lines[key]
	if count == before.count || !last && !before.at.IsZero() && now.Sub(before.at) < journalEvery {
		return 0
	}
	j.lines[key] = counted{count, now}
	return count - before.count
}
