package pullotel_test

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/echo-pull/pull/pullotel"
)

func ExampleSampleLinked() {
	exporter := tracetest.NewInMemoryExporter() // one of OpenTelemetry

	ratio := sdktrace.TraceIDRatioBased(0.01)
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(pullotel.SampleLinked(ratio))),
	)

	fmt.Println(pullotel.SampleLinked(ratio).Description())
	_ = provider.Shutdown(context.Background())
	// Output: SampleLinked{TraceIDRatioBased{0.01}}
}
