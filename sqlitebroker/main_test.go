package sqlitebroker_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain publishes or serves, if this process is one that a test kills.
// Otherwise it fails when a test has left a goroutine of the broker behind.
func TestMain(m *testing.M) {
	if file := os.Getenv("PULL_PUBLISH_TO"); file != "" {
		publishUntilKilled(file)
	}
	if file := os.Getenv("PULL_SERVE"); file != "" {
		serveUntilKilled(file)
	}
	code := m.Run()
	for end := time.Now().Add(5 * time.Second); code == 0; {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if !strings.Contains(string(stacks), "sqlitebroker.(*Broker)") {
			break
		}
		if time.Now().After(end) {
			fmt.Fprintf(os.Stderr, "goroutines are left:\n\n%s\n", stacks)
			code = 1
		}
		<-time.After(10 * time.Millisecond)
	}
	os.Exit(code)
}
