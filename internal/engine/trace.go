package engine

import (
	"context"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/publish"
)

// A Tracer follows events from the request that sends them to the nodes that deliver
// them. Package pullotel has one for OpenTelemetry. Its methods may be called
// concurrently, and must not block.
type Tracer interface {
	// Publish is called when the events of a request are handed over, with the context
	// of the request, or with that of the call for events that a call publishes by
	// itself. settled is called once: with nil when the log has the events, otherwise
	// with the reason. trace goes with the events to all nodes, but not to pages. It has
	// at most 55 bytes, as a traceparent of W3C Trace Context does; a longer one is
	// dropped. If it is empty, Deliver does not get it.
	Publish(ctx context.Context, events int) (trace string, settled func(error))

	// Deliver is called on each node when the pages have been given some of the events
	// of the log, or their queues have. began is when the node had received the
	// events. traces are those of the events, each once and at most 128 of them. pages
	// is the number of pages that were given any. What the log had before the node
	// started does not count. Deliver must not keep traces.
	Deliver(began time.Time, traces []string, pages int)
}

// traced gives a batch a trace, for a request or a call with the context.
func (e *Engine) traced(ctx context.Context, b publish.Batch) publish.Batch {
	if e.config.Trace == nil {
		return b
	}
	trace, settled := e.config.Trace.Publish(ctx, b.Events)
	b.Settled = settled
	if trace == "" || len(trace) > envelope.MaxTraceBytes {
		return b
	}
	messages := make([][]byte, len(b.Messages))
	for i, raw := range b.Messages {
		messages[i] = envelope.WithTrace(raw, trace)
	}
	b.Messages = messages
	return b
}

// tracedTx gives an event a trace that is written into a transaction. settled is not nil.
func (e *Engine) tracedTx(ctx context.Context, raw []byte) (traced []byte, settled func(error)) {
	b := e.traced(ctx, publish.Batch{Messages: [][]byte{raw}, Events: 1})
	if b.Settled == nil {
		b.Settled = func(error) {}
	}
	return b.Messages[0], b.Settled
}

// deliver returns what the hub calls for batches with traces, or nil.
func (c Config) deliver() func(began time.Time, traces []string, pages int) {
	if c.Trace == nil {
		return nil
	}
	return c.Trace.Deliver
}
