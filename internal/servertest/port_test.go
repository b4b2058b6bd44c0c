//go:build unix

package servertest_test

import (
	"sync"
	"testing"

	"github.com/echo-pull/pull/internal/servertest"
)

func TestNoPortIsGivenTwice(t *testing.T) {
	t.Parallel()
	const goroutines, each = 8, 400
	var mu sync.Mutex
	given := make(map[int]bool)
	var running sync.WaitGroup
	for range goroutines {
		running.Go(func() {
			for range each {
				port, err := servertest.FreePort()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if given[port] {
					t.Errorf("port %d was given twice", port)
				}
				given[port] = true
				mu.Unlock()
			}
		})
	}
	running.Wait()
}
