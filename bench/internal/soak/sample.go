package soak

import (
	"context"
	"net/http"
	"time"
)

// A Sample is the state of everything at one moment.
type Sample struct {
	At            time.Duration // since the start
	First, Second Vars
	Down          bool // the second server did not respond

	Connected          int           // pages
	Gaps               int64         // of all pages since the start
	P50, P99           time.Duration // from the request to the page, since the last sample
	LogLag, FirstWrite float64       // 99th percentiles of the first server in seconds, if it reports them
}

// MB is a million bytes.
const MB = 1e6

// A sampler samples a run.
type sampler struct {
	http          *http.Client
	first, second *server
	tally         *tally
	start         time.Time
	samples       []Sample
}

// sample adds a sample. An error is that of the first server.
func (s *sampler) sample(ctx context.Context) error {
	now := Sample{At: time.Since(s.start), Connected: int(s.tally.connected.Load()), Gaps: s.tally.gaps.Load()}
	now.P50, now.P99 = s.tally.lag.drain()
	var err error
	if now.First, err = readVars(ctx, s.http, s.first.url(), s.first.process()); err != nil {
		return err
	}
	now.Second, err = readVars(ctx, s.http, s.second.url(), s.second.process())
	now.Down = err != nil
	var last Stats
	if n := len(s.samples); n > 0 {
		last = s.samples[n-1].First.Stats
	}
	now.LogLag = now.First.Stats.LogLag.Since(last.LogLag).Quantile(0.99)
	now.FirstWrite = now.First.Stats.FirstWrite.Since(last.FirstWrite).Quantile(0.99)
	s.samples = append(s.samples, now)
	return nil
}

// points returns a line of the samples between two moments, without those for
// which value returns false.
func points(samples []Sample, from, to time.Duration, value func(Sample) (float64, bool)) []point {
	var line []point
	for _, s := range samples {
		if v, ok := value(s); ok && s.At >= from && s.At <= to {
			line = append(line, point{s.At.Seconds(), v})
		}
	}
	return line
}
