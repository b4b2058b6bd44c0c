package pullotel_test

import (
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pullotel"
)

// A backend computes rates from the times of the points.
func TestHistogramsCountSinceTheyWereMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		source := fixed{LogLag: pull.Histogram{Bounds: []float64{1}, Counts: []uint64{1, 0}, Sum: .5}}
		reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(pullotel.Histograms(source)))
		_ = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		<-time.After(time.Minute)

		h, _ := collect(t, reader)["pull.log.lag"].Data.(metricdata.Histogram[float64])

		if len(h.DataPoints) != 1 {
			t.Fatalf("got %d points, want one", len(h.DataPoints))
		}
		if p := h.DataPoints[0]; !p.StartTime.Equal(began) || p.Time.Sub(began) != time.Minute {
			t.Errorf("got the time from %v to %v, want a minute from %v", p.StartTime, p.Time, began)
		}
	})
}
