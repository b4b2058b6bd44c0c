// Package pulltest tests handlers that send events, without a server, a browser, a
// socket or a sleep.
//
//	func TestSavedTaskIsAnnounced(t *testing.T) {
//		p := pulltest.New(t, pull.Config{})
//		e := newApp(p) // your application
//		page := pulltest.Open(t, p, "42")
//
//		sent := pulltest.Sent(t, p, func() {
//			e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/tasks/7", nil))
//		})
//
//		want := pull.Event{Module: "tasks", Command: "update", Params: task{ID: 7}}
//		sent.Only(t, pull.Tag("TASK_7"), want)
//		page.Refute(t, "tasks", "update") // user 42 does not watch the task
//	}
//
// # What left
//
// [Sent] returns what left because of a function: exactly what was sent, in order,
// and nothing if the handler has failed. It waits for nothing, because an event
// leaves before the middleware returns. [Context] returns a context with an outbox
// for a test that calls a handler itself.
//
// # What arrives
//
// [Open] opens a page of a user. It gets what a browser would get, in order and
// within the same limits: events, the list of users who are online, gaps. A test
// that looks at a page first waits until the page has everything that was published
// before. It sees that from positions in the log, not from time, so [Page].Refute
// is certain and fast.
//
// # Faults
//
// [Page].Drop and [Page].Return are a page whose network fails for a while.
// [LoseHistory] makes all pages miss something, so that you can test what your
// application does about a gap. [FailBroker] makes the log unreachable, and
// [FillQueue] makes Send return pull.ErrQueueFull.
//
// # Where it works
//
// All functions take any plugin, also one that [New] has not made. They work inside
// a bubble of testing/synctest, where the plugin has to be made in the bubble, and
// outside. Tests with plugins of their own may run in parallel; those that share
// one see one another's events. Functions that take a test must be called on its
// goroutine, because they may end it.
package pulltest
