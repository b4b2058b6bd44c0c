package inspect

import "time"

const (
	sampleEvery = 2 * time.Second
	samples     = 150 // of five minutes
)

// A sample is what the plots need of the counters at one moment.
type sample struct {
	at         time.Time
	events     uint64
	deliveries uint64
	problems   uint64 // gaps, connections that the server has closed, and refused requests
	sessions   int
	waiting    int // events that wait for the log
}

// A ring holds the last samples. Its owner guards it.
type ring struct {
	kept []sample // in order of time, from next on
	next int
}

// add adds a sample, and drops the first one if the ring is full.
func (r *ring) add(s sample) {
	if len(r.kept) < samples {
		r.kept = append(r.kept, s)
		return
	}
	r.kept[r.next] = s
	r.next = (r.next + 1) % samples
}

// all returns the samples in order of time.
func (r *ring) all() []sample {
	return append(append(make([]sample, 0, len(r.kept)), r.kept[r.next:]...), r.kept[:r.next]...)
}

// levels returns a value of each sample.
func levels(all []sample, of func(*sample) int) []float64 {
	values := make([]float64, len(all))
	for i := range all {
		values[i] = float64(of(&all[i]))
	}
	return values
}

// rates returns how fast a counter rose before each sample, in units per second. The
// first sample has none before it, so there is one value less than samples.
func rates(all []sample, of func(*sample) uint64) []float64 {
	values := make([]float64, max(0, len(all)-1))
	for i := range values {
		before, now := &all[i], &all[i+1]
		if took := now.at.Sub(before.at).Seconds(); took > 0 && of(now) > of(before) {
			values[i] = float64(of(now)-of(before)) / took
		}
	}
	return values
}
