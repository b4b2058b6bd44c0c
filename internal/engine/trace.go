package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/publish"
)

// A Tracer follows events from the request that sends them to the nodes that deliver
// them. Package pullotel has one for OpenTelemetry. Its methods may be called
// concurrently, and must not block: nothing is published or delivered meanwhile. A panic
// is reported, and the events continue without a trace.
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
	// is the number of pages that were given any. It is not called for what was in the
	// log before the node started. Deliver must not keep traces.
	Deliver(began time.Time, traces []string, pages int)
}

// traced gives a batch a trace, for a request or a call with the context.
func (e *Engine) traced(ctx context.Context, b publish.Batch) publish.Batch {
	if e.config.Trace == nil {
		return b
	}
	trace, settled := e.tracePublish(ctx, b.Events)
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

// tracePublish calls Publish of the tracer. settled may be nil.
func (e *Engine) tracePublish(ctx context.Context, events int) (trace string, settled func(error)) {
	defer e.recoverTrace()

	trace, end := e.config.Trace.Publish(ctx, events)
	if end == nil {
		return trace, nil
	}
	return trace, func(err error) {
		defer e.recoverTrace()
		end(err)
	}
}

// recoverTrace reports a panic of the tracer, which is the application's mistake, but must
// not end the process or lose events.
func (e *Engine) recoverTrace() {
	if v := recover(); v != nil {
		e.config.OnError(fmt.Errorf("pull: Trace panicked: %v", v))
	}
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
func (e *Engine) deliver() func(began time.Time, traces []string, pages int) {
	if e.config.Trace == nil {
		return nil
	}
	return func(began time.Time, traces []string, pages int) {
		defer e.recoverTrace()
		e.config.Trace.Deliver(began, traces, pages)
	}
}
