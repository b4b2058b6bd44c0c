package driver

import (
	"os"
	"testing"
	"time"
)

func TestOwnWorkIsNotADisturbance(t *testing.T) {
	before, start := processTime(os.Getpid()), time.Now()
	for time.Since(start) < time.Minute && processTime(os.Getpid()) < before+100*time.Millisecond {
		continue // work until the kernel has counted it
	}

	if got := processTime(os.Getpid()) - before; got < 100*time.Millisecond || got > time.Second {
		t.Errorf("got %v of CPU time, want about 100ms", got)
	}
	if all, busy := machineTimes(); busy <= 0 || all <= busy {
		t.Errorf("got %v of %v busy, want a part", busy, all)
	}
}
