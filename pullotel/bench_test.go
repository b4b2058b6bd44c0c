package pullotel_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/labstack/echo/v4"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pullotel"
)

// What traces add to an event. "sampled" has spans of publishing, and "delivered" also has
// those of deliveries.
func BenchmarkSend(b *testing.B) {
	for name, config := range map[string]struct {
		sampler    sdktrace.Sampler
		deliveries bool
	}{
		"untraced": {}, "not sampled": {sdktrace.NeverSample(), true},
		"sampled": {sdktrace.AlwaysSample(), false}, "delivered": {sdktrace.AlwaysSample(), true},
	} {
		b.Run(name, func(b *testing.B) {
			c := pull.Config{User: func(echo.Context) (string, error) { return "", nil }, Logger: slog.New(slog.DiscardHandler)}
			if config.sampler != nil {
				provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(config.sampler))
				c.Trace = pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: config.deliveries})
			}
			p, err := pull.New(c)
			if err != nil {
				b.Fatal(err)
			}
			if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Send(b.Context(), pull.Shared(), pull.Event{Module: "tasks", Command: "update"}); err != nil {
					b.Fatal(err)
				}
			}
			if err := p.Shutdown(context.WithoutCancel(b.Context())); err != nil {
				b.Fatal(err)
			}
		})
	}
}
