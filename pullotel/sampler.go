package pullotel

import sdk "go.opentelemetry.io/otel/sdk/trace"

// SampleLinked returns a sampler that samples each span with a link to a span that was
// sampled, and leaves the others to another sampler. A delivery is the root of a trace. A
// sampler that decides by chance would decide about it again, and lose most deliveries of
// requests that it has sampled:
//
//	ratio := sdktrace.TraceIDRatioBased(0.01)
//	sdktrace.WithSampler(sdktrace.ParentBased(pullotel.SampleLinked(ratio)))
func SampleLinked(others sdk.Sampler) sdk.Sampler { return linked{others} } //nolint:ireturn // what a provider takes

type linked struct{ sdk.Sampler }

// ShouldSample implements [sdk.Sampler].
func (l linked) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	for _, link := range p.Links {
		if link.SpanContext.IsSampled() {
			return sdk.AlwaysSample().ShouldSample(p)
		}
	}
	return l.Sampler.ShouldSample(p)
}

// Description implements [sdk.Sampler].
func (l linked) Description() string { return "SampleLinked{" + l.Sampler.Description() + "}" }
