package push_test

import (
	"testing"

	"github.com/echo-pull/pull/push"
	"github.com/echo-pull/pull/push/storetest"
)

func TestMemoryStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(testing.TB) push.Store { return push.NewMemoryStore() })
}
