package redisbroker

import (
	"testing"
	"time"
)

// What may be of another log is not delivered before the log was looked at.
func TestRecordsThatAreInDoubt(t *testing.T) {
	const tag, other = 123456, 654321
	at := func(offset, tag uint64) record { return record{id: id{offset, 1764000000000*tags + tag}} }
	for name, test := range map[string]struct {
		records []record
		looked  time.Time
		want    bool
	}{
		"none":                  {nil, time.Now(), false},
		"none for a second":     {nil, time.Now().Add(-confirmEvery), true},
		"next":                  {[]record{at(11, tag), at(12, tag)}, time.Now(), false},
		"hole":                  {[]record{at(12, tag)}, time.Now(), true},
		"hole in the middle":    {[]record{at(11, tag), at(13, tag)}, time.Now(), true},
		"after a fault":         {[]record{at(11, tag), at(12, tag), at(13, tag), at(14, other)}, time.Now(), true},
		"before the last fault": {[]record{at(11, other), at(12, other), at(13, tag)}, time.Now(), false},
		"old":                   {[]record{at(11, tag)}, time.Now().Add(-confirmEvery), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &subscription{began: true, looked: test.looked, at: position{id: at(10, tag).id}, seen: state{last: at(12, tag).id, tag: "123456"}}
			if got := s.doubts(test.records); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
