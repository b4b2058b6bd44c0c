package pullotel_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pullotel"
)

// A Tracer is what Config.Trace takes.
var _ pull.Tracer = (*pullotel.Tracer)(nil)

// spans returns a provider that records its spans.
func spans(sampler sdktrace.Sampler) (*sdktrace.TracerProvider, *tracetest.SpanRecorder) {
	recorder := tracetest.NewSpanRecorder()
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithSampler(sampler)), recorder
}

// act serves a request whose handler sends two events, in a span of its own as the
// middleware of OpenTelemetry makes it. It returns that span.
func act(t *testing.T, p *pull.Plugin, provider trace.TracerProvider) trace.SpanContext {
	t.Helper()
	e := echo.New()
	e.Use(p.Middleware())
	e.POST("/", pull.Handler(func(c pull.Context) error {
		for _, command := range []string{"one", "two"} {
			if err := c.Pull().Send(pull.Shared(), pull.Event{Module: "tasks", Command: command}); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusNoContent)
	}))
	ctx, span := provider.Tracer("test").Start(t.Context(), "POST /")
	defer span.End()
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader("")))
	if w.Code != http.StatusNoContent {
		t.Fatalf("got %d, want 204", w.Code)
	}
	return span.SpanContext()
}

// ended returns the spans with a name.
func ended(r *tracetest.SpanRecorder, name string) []sdktrace.ReadOnlySpan {
	var all []sdktrace.ReadOnlySpan
	for _, s := range r.Ended() {
		if s.Name() == name {
			all = append(all, s)
		}
	}
	return all
}

func TestSpansLeadFromTheRequestToTheDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider, recorder := spans(sdktrace.AlwaysSample())
		p := plugin(t, func(c *pull.Config) { c.Trace = pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true}) })

		request := act(t, p, provider)

		synctest.Wait()
		published, delivered := ended(recorder, "pull publish"), ended(recorder, "pull deliver")
		if len(published) != 1 || len(delivered) != 1 {
			t.Fatalf("got %d spans of publishing and %d of delivery, want one each", len(published), len(delivered))
		}
		if parent := published[0].Parent(); parent.SpanID() != request.SpanID() || parent.TraceID() != request.TraceID() {
			t.Errorf("the parent of the publishing is %v, want the request %v", parent, request)
		}
		links := delivered[0].Links()
		if len(links) != 1 || links[0].SpanContext.SpanID() != published[0].SpanContext().SpanID() || links[0].SpanContext.TraceID() != request.TraceID() {
			t.Errorf("the delivery has the links %v, want one to %v", links, published[0].SpanContext())
		}
		if delivered[0].SpanContext().TraceID() == request.TraceID() {
			t.Error("the delivery is in the trace of the request, want one of its own: it is for many requests")
		}
		if published[0].SpanKind() != trace.SpanKindProducer || delivered[0].SpanKind() != trace.SpanKindConsumer {
			t.Errorf("got the kinds %v and %v", published[0].SpanKind(), delivered[0].SpanKind())
		}
		shutdown(t, p)
	})
}

func TestDeliveriesAreNotTracedUnlessAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider, recorder := spans(sdktrace.AlwaysSample())
		p := plugin(t, func(c *pull.Config) { c.Trace = pullotel.NewTracer(provider, pullotel.TraceConfig{}) })

		act(t, p, provider)

		synctest.Wait()
		if published, delivered := ended(recorder, "pull publish"), ended(recorder, "pull deliver"); len(published) != 1 || len(delivered) != 0 {
			t.Errorf("got %d spans of publishing and %d of delivery, want one and none", len(published), len(delivered))
		}
		shutdown(t, p)
	})
}

// Events of requests that are not sampled carry nothing.
func TestWhatIsNotSampledHasNoTraceparent(t *testing.T) {
	provider, _ := spans(sdktrace.NeverSample())
	tracer := pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true})

	traceparent, settled := tracer.Publish(t.Context(), 1)
	settled(nil)

	if traceparent != "" {
		t.Errorf("got %q, want nothing", traceparent)
	}
}

func TestTraceparentFitsIntoAnEvent(t *testing.T) {
	provider, _ := spans(sdktrace.AlwaysSample())
	traceparent, settled := pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true}).Publish(t.Context(), 1)
	settled(nil)
	if len(traceparent) != 55 {
		t.Errorf("%q has %d bytes, want 55", traceparent, len(traceparent))
	}
}

func TestSpanOfALostEventHasTheError(t *testing.T) {
	provider, recorder := spans(sdktrace.AlwaysSample())
	_, settled := pullotel.NewTracer(provider, pullotel.TraceConfig{}).Publish(t.Context(), 1)

	settled(errors.New("the log is away"))

	span := ended(recorder, "pull publish")[0]
	if s := span.Status(); s.Code != codes.Error || s.Description != "the log is away" {
		t.Errorf("got the status %v, want the error", s)
	}
	if !slices.Contains(span.Attributes(), attribute.String("error.type", "*errors.errorString")) {
		t.Errorf("got %v, want the type of the error", span.Attributes())
	}
}

// Another tracer may have written anything into the log.
func TestForeignTracesAreSkipped(t *testing.T) {
	provider, recorder := spans(sdktrace.AlwaysSample())
	tracer := pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true})
	began := time.Now().Add(-time.Second)

	tracer.Deliver(began, []string{"", "x", "00-00000000000000000000000000000000-0000000000000000-01", strings.Repeat("0", 55)}, 3)
	if got := ended(recorder, "pull deliver"); len(got) != 0 {
		t.Errorf("got %d spans, want none", len(got))
	}
	tracer.Deliver(began, []string{"x", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, 3)
	got := ended(recorder, "pull deliver")
	if len(got) != 1 || len(got[0].Links()) != 1 || !got[0].StartTime().Equal(began) {
		t.Errorf("got %v, want a span with one link that began at %v", got, began)
	}
}

func FuzzDeliver(f *testing.F) {
	for _, s := range []string{"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", "\xff"} {
		f.Add(s)
	}
	provider, recorder := spans(sdktrace.AlwaysSample())
	tracer := pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true})
	f.Fuzz(func(t *testing.T, traceparent string) {
		recorder.Reset()
		tracer.Deliver(time.Now(), []string{traceparent}, 1)
		for _, span := range recorder.Ended() {
			if !span.Links()[0].SpanContext.IsValid() {
				t.Errorf("%q became an invalid link", traceparent)
			}
		}
	})
}

func ExampleNewTracer() {
	tracerProvider := sdktrace.NewTracerProvider() // with an exporter of yours
	config := pull.Config{User: func(echo.Context) (string, error) { return "", nil }}
	config.Trace = pullotel.NewTracer(tracerProvider, pullotel.TraceConfig{Deliveries: true})
	p, err := pull.New(config)
	if err != nil {
		panic(err)
	}
	_ = p.Shutdown(context.Background())
	// Output:
}

// What the spans say, by the conventions of OpenTelemetry for messages.
func TestAttributesOfSpans(t *testing.T) {
	provider, recorder := spans(sdktrace.AlwaysSample())
	tracer := pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true})
	traceparent, settled := tracer.Publish(t.Context(), 3)
	settled(nil)
	tracer.Deliver(time.Now(), []string{traceparent}, 7)

	for name, want := range map[string][]attribute.KeyValue{
		"pull publish": {
			attribute.String("messaging.system", "pull"), attribute.String("messaging.operation.name", "publish"),
			attribute.String("messaging.operation.type", "send"), attribute.Int("messaging.batch.message_count", 3),
		},
		"pull deliver": {
			attribute.String("messaging.system", "pull"), attribute.String("messaging.operation.name", "deliver"),
			attribute.String("messaging.operation.type", "process"), attribute.Int("pull.pages", 7),
		},
	} {
		got := ended(recorder, name)[0]
		if !slices.Equal(got.Attributes(), want) {
			t.Errorf("%s has %v, want %v", name, got.Attributes(), want)
		}
		if code := got.Status().Code; code != codes.Unset {
			t.Errorf("%s has the status %v, want none", name, code)
		}
	}
}

func TestManyTraceAtOnce(t *testing.T) {
	provider, recorder := spans(sdktrace.AlwaysSample())
	tracer := pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				traceparent, settled := tracer.Publish(t.Context(), 1)
				tracer.Deliver(time.Now(), []string{traceparent}, 1)
				settled(nil)
			}
		})
	}
	all.Wait()

	if p, d := len(ended(recorder, "pull publish")), len(ended(recorder, "pull deliver")); p != 800 || d != 800 {
		t.Errorf("got %d and %d spans, want 800 each", p, d)
	}
}
