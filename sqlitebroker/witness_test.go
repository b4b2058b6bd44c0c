package sqlitebroker

import (
	"bytes"
	"crypto/rand"
	"testing"
)

func TestWitnessReturnsWhatItWasGiven(t *testing.T) {
	want := position{rand.Text(), 1 << 40, 1795452000250113000}

	got, err := parse(record(want))

	if err != nil || got != want {
		t.Errorf("got %v and %v, want %v", got, err, want)
	}
}

func FuzzWitness(f *testing.F) {
	good := record(position{rand.Text(), 58, 1795452000250113000})
	f.Add(good)
	f.Add(good[:40])
	f.Add(append(good, 0))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := parse(content)
		if err == nil && !bytes.Equal(record(p), content) {
			t.Errorf("%q is taken for %v", content, p)
		}
		if err == nil && (p.offset < 0 || p.offset > maxOffset || !isEpoch(p.epoch)) {
			t.Errorf("%q is taken for the impossible %v", content, p)
		}
	})
}
