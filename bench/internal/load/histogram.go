package load

import "math/bits"

// A histogram counts durations in buckets as wide as 1/64 of their value, so
// that quantiles are accurate to 1.6 % and a sample allocates nothing.
type histogram struct {
	counts [64 * 64]int64
	total  int64
	max    int64
}

func (h *histogram) add(ns int64) {
	ns = max(ns, 0)
	h.counts[bucket(ns)]++
	h.total++
	h.max = max(h.max, ns)
}

// merge adds the samples of another histogram.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// quantile returns the upper end of the bucket that holds the q-th sample.
func (h *histogram) quantile(q float64) int64 {
	rank, seen := int64(q*float64(h.total)), int64(0)
	for i, n := range h.counts {
		seen += n
		if seen > rank {
			return min(upper(i), h.max)
		}
	}
	return h.max
}

// bucket returns ns itself below 128. Above, it is the top seven bits of ns with
// their exponent.
func bucket(ns int64) int {
	shift := max(bits.Len64(uint64(ns))-7, 0) //nolint:gosec // not negative
	return shift*64 + int(ns>>shift)
}

func upper(bucket int) int64 {
	shift := max(bucket/64-1, 0)
	return int64(bucket-shift*64+1)<<shift - 1
}
