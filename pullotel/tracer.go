package pullotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.39.0"
	"go.opentelemetry.io/otel/trace"
)

// A TraceConfig configures a [Tracer]. The zero value traces the requests alone.
type TraceConfig struct {
	// Deliveries makes events carry the traceparent of their span to all nodes, 56 bytes
	// for each event, so that nodes make a span for each delivery. Update all nodes to a
	// version that knows traces first: older ones drop such events. Default: there are
	// no spans of deliveries.
	Deliveries bool
}

// A Tracer makes spans of events. It is what Config.Trace of a plugin takes.
//
// The span "pull publish" is a child of the request's span. It begins when the handler has
// returned, and ends when the log has the request's events. It may therefore end after
// the span of the request.
//
// The span "pull deliver" is made on each node for each batch of the log with events that
// were sampled, and has links to the spans by which they were published: up to 128. It
// begins when the node has received the batch, and ends when each page has its events, or
// its queue has. It is the root of a trace: see [SampleLinked].
type Tracer struct {
	tracer     trace.Tracer
	deliveries bool
}

// NewTracer returns a tracer.
func NewTracer(provider trace.TracerProvider, config TraceConfig) *Tracer {
	return &Tracer{tracer: provider.Tracer(scope), deliveries: config.Deliveries}
}

// Publish begins the span of events that are handed over, for a request with the context,
// and returns its traceparent and what ends it. The plugin calls it.
func (t *Tracer) Publish(ctx context.Context, events int) (traceparent string, settled func(error)) {
	ctx, span := t.tracer.Start(ctx, "pull publish", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "pull"),
		attribute.String("messaging.operation.name", "publish"),
		attribute.String("messaging.operation.type", "send"),
		attribute.Int("messaging.batch.message_count", events),
	))
	if t.deliveries && span.SpanContext().IsSampled() {
		traceparent = inject(ctx)
	}
	return traceparent, func(err error) {
		if err != nil {
			span.RecordError(err)
			span.SetAttributes(semconv.ErrorType(err))
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// Deliver makes the span of a delivery that has just ended. The plugin calls it.
func (t *Tracer) Deliver(began time.Time, traceparents []string, pages int) {
	var links []trace.Link
	for _, traceparent := range traceparents {
		if from := extract(traceparent); from.IsValid() {
			links = append(links, trace.Link{SpanContext: from})
		}
	}
	if len(links) == 0 {
		return // what another tracer wrote into the log
	}
	_, span := t.tracer.Start(context.Background(), "pull deliver",
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(began), trace.WithLinks(links...),
		trace.WithAttributes(
			attribute.String("messaging.system", "pull"),
			attribute.String("messaging.operation.name", "deliver"),
			attribute.String("messaging.operation.type", "process"),
			attribute.Int("pull.pages", pages),
		))
	span.End()
}

const header = "traceparent"

// inject returns the traceparent of the span of a context.
func inject(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[header]
}

// extract returns the span that a traceparent names, or an invalid one.
func extract(traceparent string) trace.SpanContext {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{header: traceparent})
	return trace.SpanContextFromContext(ctx)
}
