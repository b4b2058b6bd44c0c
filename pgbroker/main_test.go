package pgbroker_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain ends the common server, and fails when a test has left a goroutine
// behind.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = flag.Set("test.parallel", "6") // most tests wait most of the time
	}
	code := m.Run()
	common.shared.keeper.end()
	common.template.keeper.end()
	if left := leftovers(20 * time.Second); code == 0 && len(left) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines are left:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// leftovers gives goroutines that are ending some time, and returns the others:
// pgx closes the connection to a frozen server for up to 15 seconds.
func leftovers(patience time.Duration) []string {
	for end := time.Now().Add(patience); ; {
		left := foreign(stacks())
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
		<-time.After(10 * time.Millisecond)
	}
}

func stacks() []string {
	for size := 1 << 20; ; size *= 2 {
		b := make([]byte, size)
		if n := runtime.Stack(b, true); n < size {
			return strings.Split(string(b[:n]), "\n\n")
		}
	}
}

// foreign returns the stacks of goroutines that no test machinery owns.
func foreign(stacks []string) []string {
	var left []string
	for _, stack := range stacks {
		owned := false
		for _, owner := range []string{"testing.(*M).", "_test.TestMain(", "runtime/trace.", "os/signal.", "runtime.ensureSigM"} {
			owned = owned || strings.Contains(stack, owner)
		}
		if !owned && strings.TrimSpace(stack) != "" {
			left = append(left, stack)
		}
	}
	return left
}
