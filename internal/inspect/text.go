package inspect

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// decimal returns a number with at most one decimal.
func decimal(v float64) string {
	if v >= 10 || v == math.Trunc(v) {
		return grouped(uint64(math.Round(max(v, 0))))
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// grouped returns a number with its thousands separated.
func grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// size returns a number of bytes.
func size(bytes int) string {
	v := float64(bytes)
	for _, unit := range []string{"bytes", "KiB", "MiB"} {
		if v < 1024 {
			return decimal(v) + " " + unit
		}
		v /= 1024
	}
	return decimal(v) + " GiB"
}

// span returns a duration in two units at most.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return decimal(float64(d)/float64(time.Millisecond)) + " ms"
	case d < time.Minute:
		return decimal(d.Seconds()) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// clock returns a time of the day in UTC, to the millisecond.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// second returns a time in UTC, to the second.
func second(t time.Time) string { return t.UTC().Format(time.DateTime) }
