package server

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/echo-pull/pull/bench/internal/peer"
	"github.com/echo-pull/pull/bench/internal/wire"
)

const (
	// patience is how long a job waits without progress before it gives up.
	patience = 10 * time.Second

	// tardy is how far a job may fall behind its schedule before it gives up.
	tardy = 3 * time.Second
)

// A pacer publishes the messages of one job after the other, inside the server's
// process. It reads the client's reports itself, and only when it must, so they
// wake no other goroutine and the measured CPU time is the peer's.
type pacer struct {
	peer    peer.Peer
	reports net.Conn // from the client: all numbers below the reported one have arrived
	partial []byte   // an incomplete report
	pad     string
	batch   []wire.Message
}

// run runs the job and measures its cost.
func (p *pacer) run(ctx context.Context, job wire.Job) (wire.Published, error) {
	pad, err := job.Pad()
	if err != nil {
		return wire.Published{}, err
	}
	p.pad = pad
	publish := p.scheduled
	if job.Window > 0 {
		publish = p.windowed
	}

	objects, cpu, start := mallocs(), cpuTime(), time.Now()
	done, err := publish(ctx, job)
	done.Elapsed, done.CPU = time.Since(start), cpuTime()-cpu
	done.Mallocs = mallocs() - objects
	return done, err
}

// windowed publishes as fast as the window of unacknowledged messages allows.
func (p *pacer) windowed(ctx context.Context, job wire.Job) (wire.Published, error) {
	if p.reports == nil {
		return wire.Published{}, errors.New("no client reports progress")
	}
	var done wire.Published
	deadline, arrived := time.Now().Add(job.For), int64(0)

	for !done.Stalled {
		// The client reports whole strides, so a job ends with one.
		over := done.Messages >= job.Count || time.Now().After(deadline)
		if over && done.Messages%job.Stride() == 0 {
			break
		}
		arrived, done.Stalled = p.await(job, arrived, done.Messages+job.Unit()-job.InFlight())
		if !done.Stalled {
			p.unit(ctx, job, &done, time.Now())
		}
	}
	_, done.Stalled = p.await(job, arrived, done.Messages)
	return done, nil
}

// scheduled publishes at the job's rate, however fast messages arrive. Each
// message carries the time at which it should have been sent, so a server that
// falls behind does not get a better latency.
func (p *pacer) scheduled(ctx context.Context, job wire.Job) (wire.Published, error) {
	clock, err := newClock()
	if err != nil {
		return wire.Published{}, err
	}
	defer clock.close()

	var done wire.Published
	start := time.Now()
	for done.Messages < job.Count {
		due := time.Duration(float64(done.Messages) / job.Rate * float64(time.Second))
		if due > job.For {
			return done, nil
		}
		if time.Since(start) > due+tardy {
			done.Stalled = true
			return done, nil
		}
		if err := clock.until(start.Add(due)); err != nil {
			return done, err
		}
		p.unit(ctx, job, &done, start.Add(due))
	}
	return done, nil
}

// unit publishes the messages of the next set of receivers.
func (p *pacer) unit(ctx context.Context, job wire.Job, done *wire.Published, at time.Time) {
	group := job.Group(job.First + done.Messages)
	p.batch = p.batch[:0]
	for range job.Unit() {
		p.batch = append(p.batch, wire.NewMessage(job.First+done.Messages, at, p.pad))
		done.Messages++
	}
	if err := p.publish(ctx, job.Kind, group); err != nil {
		done.Errors++
	}
}

func (p *pacer) publish(ctx context.Context, kind string, group int64) error {
	switch kind {
	case wire.Request, wire.One:
		return p.peer.Request(ctx, peer.User(group), p.batch)
	case wire.User:
		return p.peer.User(peer.User(group), p.batch[0])
	case wire.Tag:
		return p.peer.Tag(strconv.FormatInt(group, 10), p.batch[0])
	default:
		return p.peer.Broadcast(p.batch[0])
	}
}

// await reads reports until that many messages have arrived, and reports whether
// they stalled.
func (p *pacer) await(job wire.Job, arrived, enough int64) (int64, bool) {
	stalled := false
	for arrived < enough && !stalled {
		arrived, stalled = p.report(job, arrived)
	}
	return arrived, stalled
}

// report waits for the client's next report. It returns how many messages of the
// job have arrived everywhere, and whether the wait timed out.
func (p *pacer) report(job wire.Job, arrived int64) (int64, bool) {
	var chunk [512]byte
	_ = p.reports.SetReadDeadline(time.Now().Add(patience))
	n, err := p.reports.Read(chunk[:])
	if err != nil {
		return arrived, true
	}
	p.partial = append(p.partial, chunk[:n]...)
	for len(p.partial) >= 8 {
		below := int64(binary.LittleEndian.Uint64(p.partial)) //nolint:gosec // the client's int64
		arrived = max(arrived, below-job.First)
		p.partial = p.partial[8:]
	}
	p.partial = append([]byte(nil), p.partial...)
	return arrived, false
}
