package pullotel_test

import (
	"context"
	"fmt"

	"github.com/labstack/echo/v4"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pullotel"
)

func ExampleRegister() {
	p, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "", nil }})
	if err != nil {
		panic(err)
	}
	exporter := printer{} // one of OpenTelemetry

	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(pullotel.Histograms(p)))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	registration, err := pullotel.Register(provider, p)
	if err != nil {
		panic(err)
	}

	_ = provider.Shutdown(context.Background()) // exports a last time
	_ = registration.Unregister()
	_ = p.Shutdown(context.Background())
	// Output:
	// pull.guest.sessions
	// pull.log.lag
}

// A printer is an exporter that prints the names of two metrics.
type printer struct{}

func (printer) Export(_ context.Context, data *metricdata.ResourceMetrics) error {
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == "pull.guest.sessions" || m.Name == "pull.log.lag" {
				fmt.Println(m.Name)
			}
		}
	}
	return nil
}

func (printer) Temporality(kind sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DefaultTemporalitySelector(kind)
}

func (printer) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

func (printer) ForceFlush(context.Context) error { return nil }
func (printer) Shutdown(context.Context) error   { return nil }
