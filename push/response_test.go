package push

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := func(after time.Duration) string { return time.Now().Add(after).UTC().Format(http.TimeFormat) }
		for header, want := range map[string]time.Duration{
			"":                             0,
			"soon":                         0,
			"-5":                           0,
			"1.5":                          0,
			"99999999999999999999":         0,
			"0":                            time.Second,
			"7":                            7 * time.Second,
			"86400":                        time.Hour, // bounded
			date(90 * time.Second):         90 * time.Second,
			date(48 * time.Hour):           time.Hour,
			date(-time.Hour):               time.Second,
			"Tue, 32 Feb 2000 00:00:00 GM": 0,
		} {
			if got := retryAfter(header); got != want {
				t.Errorf("%q: %s, want %s", header, got, want)
			}
		}
	})
}

func TestWaitGrowsAndIsSpread(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for attempts := range 100 {
		ceiling := shortestWait << min(attempts, doublings)
		for range 20 {
			got := spread(0, attempts)
			if got < ceiling/2 || got >= ceiling || got > longestWait {
				t.Errorf("attempt %d: %s, want %s to %s", attempts, got, ceiling/2, ceiling)
			}
			seen[got] = true
		}
		if got := spread(time.Minute, attempts); got < time.Minute || got > 67*time.Second {
			t.Errorf("Retry-After of a minute: %s", got)
		}
	}
	if len(seen) < 1000 {
		t.Errorf("%d different waits of 2,000", len(seen))
	}
}

func TestReasonIsOneShortLine(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                                    "",
		`{"reason":"BadJwtToken"}`:            `{"reason":"BadJwtToken"}`,
		"<b>\r\n\tno\x00\x1b[31m\u202e</b>\n": "<b> no[31m</b>",
		"\xff\xfeok":                          "ok",
		strings.Repeat("é", 5000):             strings.Repeat("é", 150),
	} {
		if got := readReason(strings.NewReader(body)); got != want {
			t.Errorf("%.30q: %q, want %q", body, got, want)
		}
	}
}

func FuzzReason(f *testing.F) {
	f.Add("<html>\u2028</html>", "120")
	f.Fuzz(func(t *testing.T, body, header string) {
		if got := readReason(strings.NewReader(body)); len(got) > maxReasonBytes || strings.ContainsAny(got, "\r\n\x1b\x00") {
			t.Errorf("%q", got)
		}
		if got := retryAfter(header); got < 0 || got > longestWait {
			t.Errorf("%q: %s", header, got)
		}
	})
}
