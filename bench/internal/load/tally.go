package load

import (
	"time"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// ringSize is larger than any job's messages in flight.
const ringSize = 1 << 13

// A tally checks what arrives of one job, and how late.
type tally struct {
	job       wire.Job
	receivers int64           // of each message
	missing   [ringSize]int64 // receivers that have not got a message in flight
	arrived   int64           // messages that all receivers have got, without a hole
	reported  int64           // of them
	latency   histogram
	result    Result
}

// A Result is what the client saw of one job.
type Result struct {
	Expected   int64         `json:"expected"`   // deliveries
	Deliveries int64         `json:"deliveries"` // that came in order, once
	Disordered int64         `json:"disordered"` // that came again, or after a later one
	Strangers  int64         `json:"strangers"`  // that were for someone else or of an earlier job
	Closed     int64         `json:"closed"`     // connections that the server closed
	P50        time.Duration `json:"p50"`
	P99        time.Duration `json:"p99"`
	P999       time.Duration `json:"p999"`
	Max        time.Duration `json:"max"`
}

// Lost is how many deliveries did not come.
func (r Result) Lost() int64 { return r.Expected - r.Deliveries }

// begin starts to count the messages of a job to these connections.
func (t *tally) begin(job wire.Job, conns []*conn) {
	*t = tally{job: job, receivers: int64(len(conns)) / job.Groups()}
	for i := range t.missing {
		t.missing[i] = t.receivers
	}
	for i, c := range conns {
		c.group, c.got = int64(i)%job.Groups(), 0
	}
}

// count takes one message that came to c.
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

// ordinal is a message's place among those for the same receivers.
func (t *tally) ordinal(at int64) int64 {
	unit := t.job.Unit()
	return at/(unit*t.job.Groups())*unit + at%unit
}

// advance moves on over messages that everyone has got.
func (t *tally) advance() {
	for t.missing[t.arrived%ringSize] == 0 {
		t.missing[t.arrived%ringSize] = t.receivers
		t.arrived++
	}
}

// news is what the server should be told now: messages below it have arrived.
func (t *tally) news() (below int64, ok bool) {
	if t.arrived/t.job.Stride() == t.reported/t.job.Stride() {
		return 0, false
	}
	t.reported = t.arrived
	return t.job.First + t.arrived, true
}

// expected is the number of deliveries of the first messages of the job.
func (t *tally) expected(messages int64) int64 { return messages * t.receivers }

// end sums up.
func (t *tally) end(messages int64) Result {
	r := t.result
	r.Expected = t.expected(messages)
	r.P50 = time.Duration(t.latency.quantile(0.50))
	r.P99 = time.Duration(t.latency.quantile(0.99))
	r.P999 = time.Duration(t.latency.quantile(0.999))
	r.Max = time.Duration(t.latency.max)
	return r
}
