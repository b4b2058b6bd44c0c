package soak

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

func TestVarsAreReadWithAndWithoutHistograms(t *testing.T) {
	const basic = `"goroutines": 12, "memstats": {"HeapAlloc": 3000000, "PauseNs": [1, 2]}`
	for _, test := range []struct {
		name, pull string
		lag        float64
	}{
		{"without", `{"Sessions": 3, "Gaps": 1}`, 0},
		{"with", `{"Sessions": 3, "Gaps": 1, "GapsBy": {"window": 1},
			"LogLag": {"Bounds": [0.001, 0.01], "Counts": [0, 5, 0], "Sum": 0.02}}`, 0.01},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`{` + basic + `, "pull": ` + test.pull + `}`))
			}))
			defer s.Close()

			v, err := readVars(t.Context(), s.Client(), s.URL, os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			if v.Goroutines != 12 || v.Memory.HeapAlloc != 3000000 || v.Stats.Sessions != 3 || v.Stats.Gaps != 1 || v.RSS < 1e6 {
				t.Errorf("got %+v", v)
			}
			if got := v.Stats.LogLag.Quantile(0.99); got != test.lag {
				t.Errorf("the lag is %v, want %v", got, test.lag)
			}
		})
	}
}

func TestHistogramSinceASnapshot(t *testing.T) {
	var earlier, later Histogram
	for text, h := range map[string]*Histogram{
		`{"Bounds": [1, 2], "Counts": [100, 0, 0]}`: &earlier,
		`{"Bounds": [1, 2], "Counts": [101, 1, 8]}`: &later,
	} {
		if err := json.Unmarshal([]byte(text), h); err != nil {
			t.Fatal(err)
		}
	}
	if got := later.Since(earlier).Quantile(0.5); got != 2 {
		t.Errorf("the median since then is %v, want 2, the highest bound", got)
	}
	if got := later.Since(Histogram{}).Quantile(0.5); got != 1 {
		t.Errorf("the median of all is %v, want 1", got)
	}
}
