package load

import "testing"

func TestQuantilesAreRightToTwoPercent(t *testing.T) {
	var h histogram
	for ns := range int64(1_000_000) {
		h.add(ns * 1000)
	}
	for _, q := range []float64{0.001, 0.5, 0.99, 0.999} {
		got, want := float64(h.quantile(q)), q*1e9
		if got < want*0.99 || got > want*1.02 {
			t.Errorf("quantile(%v) = %v, want about %v", q, got, want)
		}
	}
	if h.quantile(1) != 999_999_000 {
		t.Errorf("quantile(1) = %v, want the largest sample", h.quantile(1))
	}
}

func TestEverySampleLiesInItsBucket(t *testing.T) {
	for _, ns := range []int64{0, 1, 63, 64, 127, 128, 129, 255, 256, 1 << 20, 1<<62 + 12345} {
		b := bucket(ns)
		if ns > upper(b) || b > 0 && ns <= upper(b-1) {
			t.Errorf("%d is in bucket %d, which ends at %d after %d", ns, b, upper(b), upper(b-1))
		}
	}
}
