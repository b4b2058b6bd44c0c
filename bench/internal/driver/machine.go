package driver

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/echo-pull/pull/bench/internal/record"
)

// machine describes the machine without its name.
func machine() record.Machine {
	m := record.Machine{Date: time.Now().UTC().Truncate(time.Second), Cores: runtime.NumCPU(), Go: runtime.Version()}
	var system unix.Utsname
	if unix.Uname(&system) == nil {
		release, _, _ := strings.Cut(unix.ByteSliceToString(system.Release[:]), "-")
		m.Kernel = "Linux " + release
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for row := range bytes.Lines(text) {
			if name, value, ok := strings.Cut(string(row), ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

// line formats a record for a human reader.
func line(r record.Record) string {
	head := fmt.Sprintf("#%d %-16s %6d %-13s", r.Repetition+1, r.Peer, r.Users, r.Workload)
	switch {
	case r.Error != "":
		return head + " failed: " + r.Error
	case r.Workload == record.Window:
		return fmt.Sprintf("%s %6.0f B heap for each message, %.0f B counted, %.0f B left after %.0f s", head, r.WindowHeap, r.WindowBytes, r.WindowLeft, r.Silence)
	case r.Seconds != nil:
		return fmt.Sprintf("%s %6.2f s CPU, %.1f MB, settled after %d s, p50 %v, p99 %v, others %.0f %%", head,
			r.CPU.Seconds(), float64(r.Bytes)/1e6, r.Settled(), short(r.P50), short(r.P99), 100*r.Others)
	case r.Workload == record.Idle:
		return fmt.Sprintf("%s %6.1f KB RSS, %5.1f heap, %5.1f stacks, %.1f goroutines", head, r.RSS/1024, r.Heap/1024, r.Stack/1024, r.Goroutines)
	}
	text := fmt.Sprintf("%s %8.2f µs, %9.0f/s, %6.2f allocs, p50 %v, p99 %v, max %v", head, r.CPUPerDelivery(),
		r.DeliveriesPerSecond(), r.AllocsPerDelivery(), short(r.P50), short(r.P99), short(r.Max))
	if r.Bytes > 0 {
		text += fmt.Sprintf(", %.0f B", r.BytesPerDelivery())
	}
	if r.Disturbed() {
		text += fmt.Sprintf("; disturbed, others took %.0f %%", 100*r.Others)
	}
	if !r.Clean() {
		text += fmt.Sprintf("; NOT CLEAN: lost %d, disordered %d, strangers %d, closed %d, refused %d, stuck %v",
			r.Lost, r.Disordered, r.Strangers, r.Closed, r.Refused, r.Stuck)
	}
	return text
}

func short(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// Limit raises the number of files that this process and its children may open,
// and returns how many users fit.
func Limit(users int) error {
	need := uint64(users) + 200 //nolint:gosec // thousands
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		return err
	}
	if now.Cur >= need {
		return nil
	}
	now.Cur, now.Max = need, max(now.Max, need)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		return fmt.Errorf("%d users need as many open files: %w", users, err)
	}
	return nil
}
