package wire

import "testing"

func TestNoConnectionHasMoreThanItsWindow(t *testing.T) {
	for _, kind := range []string{Broadcast, User, Tag, Request} {
		for _, window := range []int64{1, 32} {
			job := Job{Kind: kind, Users: 10_000, Window: window, First: 300}
			waiting, most := map[int64]int64{}, int64(0)
			for at := range job.InFlight() {
				waiting[job.Group(job.First+at)]++
				most = max(most, waiting[job.Group(job.First+at)])
			}
			if most > max(window, job.Unit()) {
				t.Errorf("%s, window %d: %d messages wait for one connection", kind, window, most)
			}
		}
	}
}

func TestProgressIsReportedBeforeTheServerMustWaitForEver(t *testing.T) {
	for _, kind := range []string{Broadcast, User, Tag, Request} {
		for _, users := range []int{100, 1000, 10_000} {
			job := Job{Kind: kind, Users: users, Window: 1}
			if job.Stride() > job.InFlight() || job.Stride()%job.Unit() != 0 {
				t.Errorf("%s to %d: reported every %d of %d in flight, in units of %d",
					kind, users, job.Stride(), job.InFlight(), job.Unit())
			}
		}
	}
}
