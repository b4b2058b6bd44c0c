package publish

import (
	"bytes"
	"testing"
)

// A copy keeps at most a segment of others in memory, and none can write into
// another.
func TestCopiesShareSmallSegments(t *testing.T) {
	var messages [][]byte
	for i := range 100 {
		messages = append(messages, bytes.Repeat([]byte{byte(i)}, 1000))
	}
	messages = append(messages, make([]byte, 3*segmentBytes), nil, []byte("x"))

	for i, m := range cloneAll(messages) {
		if !bytes.Equal(m, messages[i]) {
			t.Errorf("message %d is not the same", i)
		}
		if cap(m) != len(m) {
			t.Errorf("message %d has room for %d bytes more, want none", i, cap(m)-len(m))
		}
	}
	for n, want := range map[int]float64{1: 2, 8: 2, 9: 3, 100: 14} {
		var clones [][]byte
		if got := testing.AllocsPerRun(10, func() { clones = cloneAll(messages[:n]) }); got != want || len(clones) != n {
			t.Errorf("%d messages of 1,000 bytes: got %v allocations, want %v: the list, and one for each 8 messages", n, got, want)
		}
	}
}
