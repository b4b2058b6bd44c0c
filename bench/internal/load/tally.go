package load

import (
	"time"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// ringSize is larger than the number of messages any job has in flight.
const ringSize = 1 << 13

// A tally checks which messages of one job arrive, and how late.
type tally struct {
	job       wire.Job
	receivers int64           // of each message
	missing   [ringSize]int64 // receivers that still lack a message in flight
	arrived   int64           // messages that all receivers have, without a hole
	reported  int64           // of those
	latency   histogram
	result    Result
}

// A Result is what the client saw of one job.
type Result struct {
	Expected   int64         `json:"expected"`   // deliveries
	Deliveries int64         `json:"deliveries"` // in order and once
	Disordered int64         `json:"disordered"` // repeated, or after a later one
	Strangers  int64         `json:"strangers"`  // meant for someone else, or part of an earlier job
	Closed     int64         `json:"closed"`     // connections that the server closed
	Bytes      int64         `json:"bytes"`      // received, with everything that is not a message
	P50        time.Duration `json:"p50"`
	P99        time.Duration `json:"p99"`
	P999       time.Duration `json:"p999"`
	Max        time.Duration `json:"max"`
}

// Lost returns how many deliveries did not arrive.
func (r Result) Lost() int64 { return r.Expected - r.Deliveries }

// begin starts to count a job's messages to these connections.
func (t *tally) begin(job wire.Job, conns []*conn) {
	*t = tally{job: job, receivers: int64(len(conns)) / job.Groups()}
	for i := range t.missing {
		t.missing[i] = t.receivers
	}
	for i, c := range conns {
		c.group, c.got = int64(i)%job.Groups(), 0
	}
}

// count counts one message that c received.
func (t *tally) count(c *conn, seq, sent, now int64) {
	at := seq - t.job.First
	if at < 0 || t.job.Group(seq) != c.group {
		t.result.Strangers++
		return
	}
	mine := t.ordinal(at)
	if mine < c.got {
		t.result.Disordered++
		return
	}
	c.got = mine + 1
	t.result.Deliveries++
	t.latency.add(now - sent)
	if t.job.Window > 0 {
		t.missing[at%ringSize]--
		t.advance()
	}
}

// ordinal returns a message's index among those for the same receivers.
func (t *tally) ordinal(at int64) int64 {
	unit := t.job.Unit()
	return at/(unit*t.job.Groups())*unit + at%unit
}

// advance skips the messages that everyone has.
func (t *tally) advance() {
	for t.missing[t.arrived%ringSize] == 0 {
		t.missing[t.arrived%ringSize] = t.receivers
		t.arrived++
	}
}

// news returns what to report to the server: messages below it have arrived.
func (t *tally) news() (below int64, ok bool) {
	if t.arrived/t.job.Stride() == t.reported/t.job.Stride() {
		return 0, false
	}
	t.reported = t.arrived
	return t.job.First + t.arrived, true
}

// expected returns the number of deliveries of the job's first messages.
func (t *tally) expected(messages int64) int64 { return messages * t.receivers }

// end sums up the job.
func (t *tally) end(messages int64) Result {
	r := t.result
	r.Expected = t.expected(messages)
	r.P50 = time.Duration(t.latency.quantile(0.50))
	r.P99 = time.Duration(t.latency.quantile(0.99))
	r.P999 = time.Duration(t.latency.quantile(0.999))
	r.Max = time.Duration(t.latency.max)
	return r
}
