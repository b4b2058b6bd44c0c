package pullotel_test

import (
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pullotel"
)

// A sharedLog is a log elsewhere, which two nodes share.
type sharedLog struct{ *pull.Memory }

// node returns a node on a log that traces deliveries.
func node(t *testing.T, log sharedLog) (*pull.Plugin, *sdktrace.TracerProvider, *tracetest.SpanRecorder) {
	t.Helper()
	provider, recorder := spans(sdktrace.AlwaysSample())
	p := plugin(t, func(c *pull.Config) {
		c.Broker, c.Trace = log, pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true})
	})
	return p, provider, recorder
}

func TestSpansLeadToTheDeliveryOnAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := sharedLog{new(pull.Memory)}
		a, provider, here := node(t, log)
		b, _, there := node(t, log)

		act(t, a, provider)
		synctest.Wait()

		if n := len(ended(there, "pull publish")); n != 0 {
			t.Errorf("the other node has %d spans of publishing, want none", n)
		}
		published := ended(here, "pull publish")[0].SpanContext()
		for name, recorder := range map[string]*tracetest.SpanRecorder{"this": here, "the other": there} {
			delivered := ended(recorder, "pull deliver")
			if len(delivered) != 1 || len(delivered[0].Links()) != 1 {
				t.Fatalf("%s node has %d spans of delivery, want one with one link", name, len(delivered))
			}
			if link := delivered[0].Links()[0].SpanContext; link.SpanID() != published.SpanID() || link.TraceID() != published.TraceID() || !link.IsSampled() || !link.IsRemote() {
				t.Errorf("%s node links to %v, want %v", name, link, published)
			}
			if delivered[0].Parent().IsValid() {
				t.Errorf("%s node has a delivery with the parent %v, want none", name, delivered[0].Parent())
			}
		}
		shutdown(t, a)
		shutdown(t, b)
	})
}

// A batch with the events of several requests is delivered once.
func TestDeliveryLinksToEachRequest(t *testing.T) {
	provider, recorder := spans(sdktrace.AlwaysSample())
	tracer := pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true})
	var traceparents []string
	want := map[trace.SpanID]bool{}
	for range 3 {
		traceparent, settled := tracer.Publish(t.Context(), 1)
		settled(nil)
		traceparents = append(traceparents, traceparent)
	}
	for _, span := range ended(recorder, "pull publish") {
		want[span.SpanContext().SpanID()] = true
	}

	tracer.Deliver(time.Now(), traceparents, 5)

	delivered := ended(recorder, "pull deliver")
	if len(delivered) != 1 || len(delivered[0].Links()) != 3 {
		t.Fatalf("got %d spans, want one with three links", len(delivered))
	}
	for _, link := range delivered[0].Links() {
		delete(want, link.SpanContext.SpanID())
	}
	if len(want) > 0 {
		t.Errorf("no link to %v", want)
	}
}
