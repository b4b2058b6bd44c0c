// Package pullotel exports the metrics of a plugin to OpenTelemetry, and traces events
// from the requests that send them to their delivery.
//
//	p, err := pull.New(pull.Config{
//		Trace: pullotel.NewTracer(provider, pullotel.TraceConfig{Deliveries: true}),
//		// ...
//	})
//	registration, err := pullotel.Register(meterProvider, p)
//
// It works for Echo v4 and v5, and starts no goroutine. [Metrics and traces] is the guide.
//
// [Metrics and traces]: https://github.com/echo-pull/pull/blob/main/docs/metrics.md
package pullotel

import "github.com/echo-pull/pull/internal/engine"

// A Source is what is measured: the Plugin of package pull, or of pull/v5. Stats may be
// called concurrently.
type Source interface{ Stats() engine.Stats }

// scope names what makes the metrics and the spans.
const scope = "github.com/echo-pull/pull/pullotel"
