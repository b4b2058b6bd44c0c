package pullotel_test

import (
	"testing"
	"testing/synctest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pullotel"
)

// sampling is a sampler that samples some spans by their name, and no others.
type sampling map[string]bool

func (s sampling) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if s[p.Name] {
		return sdktrace.AlwaysSample().ShouldSample(p)
	}
	return sdktrace.NeverSample().ShouldSample(p)
}

func (sampling) Description() string { return "by name" }

// By itself, a sampler of roots decides about requests and deliveries independently.
func TestDeliveryOfASampledRequestIsSampled(t *testing.T) {
	for name, test := range map[string]struct {
		sampler sdktrace.Sampler
		want    int
	}{
		"sampled":     {pullotel.SampleLinked(sampling{"POST /": true}), 1},
		"not sampled": {pullotel.SampleLinked(sampling{}), 0},
		"without it":  {sampling{"POST /": true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				provider, recorder := spans(sdktrace.ParentBased(test.sampler))
				p := plugin(t, func(c *pull.Config) { c.Trace = pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true}) })

				request := act(t, p, provider)

				synctest.Wait()
				delivered := ended(recorder, "pull deliver")
				if len(delivered) != test.want {
					t.Fatalf("got %d spans of delivery, want %d", len(delivered), test.want)
				}
				for _, span := range delivered {
					if span.Links()[0].SpanContext.TraceID() != request.TraceID() {
						t.Errorf("got a link to %v, want one to the trace of %v", span.Links()[0].SpanContext, request)
					}
				}
				shutdown(t, p)
			})
		})
	}
}

// A link to a span that was not sampled does not count.
func TestLinkMustBeSampled(t *testing.T) {
	sampler := pullotel.SampleLinked(sdktrace.NeverSample())
	for flags, want := range map[trace.TraceFlags]sdktrace.SamplingDecision{0: sdktrace.Drop, trace.FlagsSampled: sdktrace.RecordAndSample} {
		link := trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: flags})}
		got := sampler.ShouldSample(sdktrace.SamplingParameters{ParentContext: t.Context(), Links: []trace.Link{{}, link}}).Decision
		if got != want {
			t.Errorf("flags %v: got %v, want %v", flags, got, want)
		}
	}
	if got, want := sampler.Description(), "SampleLinked{AlwaysOffSampler}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
