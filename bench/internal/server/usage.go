package server

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// cpuTime returns the user and system time that this process has used so far.
func cpuTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// mallocs returns how many heap objects this process has allocated so far.
func mallocs() uint64 {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.Mallocs
}

// residentSet returns the memory of this process that is in RAM, in bytes.
func residentSet() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, resident uint64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, fmt.Errorf("/proc/self/statm: %w", err)
	}
	return resident * uint64(os.Getpagesize()), nil //nolint:gosec // a page size is positive
}

// stats returns the state of the whole process.
func stats() (wire.Stats, error) {
	resident, err := residentSet()
	if err != nil {
		return wire.Stats{}, err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)

	return wire.Stats{
		CPU:        cpuTime(),
		RSS:        resident,
		Heap:       memory.HeapInuse,
		Stack:      memory.StackInuse,
		Mallocs:    memory.Mallocs,
		Goroutines: runtime.NumGoroutine(),
	}, nil
}
