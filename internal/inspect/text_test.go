package inspect

import (
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/tally"
)

func TestNumbersAreReadable(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{grouped(0), "0"},
		{grouped(999), "999"},
		{grouped(1000), "1,000"},
		{grouped(12_345_678), "12,345,678"},
		{decimal(0), "0"},
		{decimal(.25), "0.2"},
		{decimal(3), "3"},
		{decimal(9.96), "10.0"},
		{decimal(1234.5), "1,235"},
		{size(0), "0 bytes"},
		{size(1023), "1,023 bytes"},
		{size(1024), "1 KiB"},
		{size(64 << 20), "64 MiB"},
		{size(3 << 40), "3,072 GiB"},
		{span(0), "0 s"},
		{span(-time.Second), "0 s"},
		{span(500 * time.Microsecond), "500 µs"},
		{span(2500 * time.Microsecond), "2.5 ms"},
		{span(2500 * time.Millisecond), "2.5 s"},
		{span(61 * time.Second), "1 min 1 s"},
		{span(90 * time.Minute), "1 h 30 min"},
		{span(72 * time.Hour), "3 days"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

func TestTimesAreBoundedByTheirBuckets(t *testing.T) {
	var d tally.Durations
	h := d.Histogram()
	if got := within(&h, .5); got != "–" {
		t.Errorf("got %q for no times, want –", got)
	}
	for range 98 {
		d.Add(2 * time.Millisecond)
	}
	d.Add(700 * time.Millisecond)
	d.Add(time.Minute)
	h = d.Histogram()
	for part, want := range map[float64]string{.5: "≤ 2.5 ms", .99: "≤ 1 s", 1: "> 10 s"} {
		if got := within(&h, part); got != want {
			t.Errorf("%v of the times: got %q, want %q", part, got, want)
		}
	}
}

func TestCountersAreShownLargestFirst(t *testing.T) {
	got := counted(map[string]uint64{"slow_queue": 2, "flood": 7, "dead": 0, "session": 2})
	want := []row{{"flood", "7"}, {"session", "2"}, {"slow queue", "2"}}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for n := range want {
		if got[n] != want[n] {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestLinksIntoTheDocumentationAreAbsolute(t *testing.T) {
	for place, want := range map[string]string{
		"": "", "docs/guarantees.md#gaps": docsRoot + "docs/guarantees.md#gaps", "https://example.com/x": "https://example.com/x",
	} {
		if got := docsURL(place); got != want {
			t.Errorf("%q: got %q, want %q", place, got, want)
		}
	}
}
