package pull_test

import (
	"context"
	"math"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/brokertest"
)

func TestMemoryKeepsTheBrokersPromises(t *testing.T) {
	brokertest.Run(t, brokertest.Suite{Open: func(testing.TB) brokertest.Broker { return new(pull.Memory) }})
}

// The promises about failure need a log that fails.
func TestFaultyBrokerKeepsTheBrokersPromises(t *testing.T) {
	brokertest.Run(t, brokertest.Suite{
		Open: func(testing.TB) brokertest.Broker { return newFaults() },
		Break: func(b brokertest.Broker) func() {
			f := b.(*faults) //nolint:forcetypeassert // Open made it
			f.set(func(f *faults) { f.err = errBroker })
			return func() { f.set(func(f *faults) { f.err = nil }) }
		},
		Lose: func(b brokertest.Broker) { b.(*faults).newEpoch() }, //nolint:forcetypeassert // as above
	})
}

// logOf returns what a new subscriber to the last window gets.
func logOf(t *testing.T, b pull.Broker, window time.Duration) (offsets []uint64, messages []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- b.Subscribe(ctx, window, func(_ string, offset uint64, message []byte) {
			offsets, messages = append(offsets, offset), append(messages, string(message))
		})
	}()
	synctest.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("Subscribe: got %v, want nil", err)
	}
	return offsets, messages
}

func publish(t *testing.T, b pull.Broker, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if err := b.Publish(t.Context(), []byte(m)); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
}

func TestMemoryForgetsTheOldestBeyondItsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &pull.Memory{Count: 3}
		publish(t, m, "a", "b", "c", "d", "e")

		offsets, messages := logOf(t, m, time.Hour)

		if !slices.Equal(messages, []string{"c", "d", "e"}) || !slices.Equal(offsets, []uint64{3, 4, 5}) {
			t.Errorf("got %v at %v, want [c d e] at [3 4 5]", messages, offsets)
		}
	})
}

func TestMemoryForgetsTheOldestBeyondItsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &pull.Memory{Bytes: 10}
		publish(t, m, "aaaa", "bbbb", "cccc")

		offsets, _ := logOf(t, m, time.Hour)

		if !slices.Equal(offsets, []uint64{2, 3}) {
			t.Errorf("got offsets %v, want [2 3]", offsets)
		}
	})
}

func TestMemoryKeepsAMessageLargerThanItsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &pull.Memory{Bytes: 3}
		publish(t, m, "a", "too large")

		_, messages := logOf(t, m, time.Hour)

		if !slices.Equal(messages, []string{"too large"}) {
			t.Errorf("got %v, want the last message", messages)
		}
	})
}

func TestMemoryDeliversTheWindowAndNothingOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(pull.Memory)
		publish(t, m, "old")
		pass(time.Minute)
		publish(t, m, "new")

		offsets, messages := logOf(t, m, 30*time.Second)

		if !slices.Equal(messages, []string{"new"}) || !slices.Equal(offsets, []uint64{2}) {
			t.Errorf("got %v at %v, want [new] at [2]", messages, offsets)
		}
	})
}

func TestSubscriberThatFallsBehindSeesAHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &pull.Memory{Count: 10}
		ctx, cancel := context.WithCancel(t.Context())
		slow := make(chan struct{})
		var offsets []uint64
		done := make(chan error, 1)
		go func() {
			done <- m.Subscribe(ctx, time.Hour, func(_ string, offset uint64, _ []byte) {
				offsets = append(offsets, offset)
				<-slow
			})
		}()
		publish(t, m, "first")
		synctest.Wait() // the subscriber is inside deliver
		for i := range 100 {
			publish(t, m, strconv.Itoa(i))
		}

		close(slow)
		synctest.Wait()
		cancel()
		<-done

		if len(offsets) != 11 || offsets[0] != 1 || offsets[1] != 92 || offsets[10] != 101 {
			t.Errorf("got offsets %v, want 1 and 92 to 101", offsets)
		}
	})
}

func TestBoundsOfMemory(t *testing.T) {
	for name, test := range map[string]struct {
		log  *pull.Memory
		want int // of 5 messages
	}{
		"default":        {&pull.Memory{}, 5},
		"one":            {&pull.Memory{Count: 1}, 1},
		"one byte":       {&pull.Memory{Bytes: 1}, 1},
		"negative count": {&pull.Memory{Count: -1}, 5},
		"negative bytes": {&pull.Memory{Bytes: math.MinInt}, 5},
		"most":           {&pull.Memory{Count: math.MaxInt, Bytes: math.MaxInt}, 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			for range 5 {
				if err := test.log.Publish(t.Context(), []byte("message")); err != nil {
					t.Fatal(err)
				}
			}
			for _, window := range []time.Duration{time.Hour, longest} {
				if offsets, _ := logOf(t, test.log, window); len(offsets) != test.want {
					t.Errorf("%s: got %d messages of the last %s, want %d", name, len(offsets), window, test.want)
				}
			}
		})
	}
}
