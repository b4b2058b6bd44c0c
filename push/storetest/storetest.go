// Package storetest is an executable suite of the promises of a push.Store:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) push.Store { return open(t) })
//	}
//
// A failure quotes the broken promise.
package storetest

import (
	"context"
	"testing"

	"github.com/echo-pull/pull/push"
)

// Run tests all promises, each with an empty store that open returns. Those about
// lists are skipped if the store is no push.Lister. open may use t.Cleanup and
// t.Skip.
func Run(t *testing.T, open func(t testing.TB) push.Store) {
	for _, p := range all() {
		t.Run(p.name, func(t *testing.T) {
			store := open(t)
			if _, lists := store.(push.Lister); p.lists && !lists {
				t.Skip("the store does not list users")
			}
			if err := p.run(t.Context(), store); err != nil {
				t.Errorf("%v\nthe promise: %s", err, p.promise)
			}
		})
	}
}

// A promise is one that a store makes.
type promise struct {
	name    string
	promise string
	run     func(ctx context.Context, s push.Store) error
	lists   bool // needs a push.Lister
}

func all() []promise {
	return []promise{
		{name: "empty", promise: "a user without subscriptions is no error", run: empty},
		{name: "kept", promise: "Of returns what was saved, whole", run: kept},
		{name: "saved twice", promise: "Save replaces the subscription with the same endpoint", run: savedTwice},
		{name: "moves", promise: "a subscription that another user saves is the other user's alone", run: moves},
		{name: "deleted", promise: "Delete deletes the subscription of the user", run: deleted},
		{name: "deleted by others", promise: "Delete does nothing if the subscription is another user's or unknown", run: deletedByOthers},
		{name: "similar endpoints", promise: "endpoints that differ in case, or at the end of 2 KiB, are two", run: similarEndpoints},
		{name: "similar users", promise: "users that differ in case, accents or a space at the end are two", run: similarUsers},
		{name: "odd users", promise: "a user is any UTF-8 text of up to 255 bytes", run: oddUsers},
		{name: "bounded", promise: "a user has at most push.MaxDevices subscriptions; the least recently seen is deleted", run: bounded},
		{name: "bounded alone", promise: "the bound of one user does not concern others", run: boundedAlone},
		{name: "seen unknown", promise: "Seen does nothing if there is no such subscription", run: seenUnknown},
		{name: "parallel moves", promise: "after many users have saved one endpoint at the same time, one has it", run: parallelMoves},
		{name: "parallel calls", promise: "all methods may be called at the same time", run: parallelCalls},
		{name: "users", promise: "Users returns those with subscriptions, page by page, in the order of their bytes", run: users, lists: true},
		{name: "no users", promise: "Users does not return users whose subscriptions are gone", run: noUsers, lists: true},
	}
}
