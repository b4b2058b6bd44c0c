// Package pull sends instant commands from the handlers of an Echo application
// to browsers. It is modelled on the "Push and Pull" module of 1C-Bitrix.
//
//	e.POST("/tasks/:id", pull.Handler(func(c pull.Context) error {
//		task, err := update(c)
//		if err != nil {
//			return err
//		}
//		event := pull.Event{Module: "tasks", Command: "update", Params: task}
//		if err := c.Pull().Send(pull.Tag("TASK_"+task.ID), event); err != nil {
//			return err
//		}
//		return c.JSON(http.StatusOK, task)
//	}))
//
// On the pages of those who watch the tag, what hooks this module's events runs:
//
//	BX.addCustomEvent("onPullEvent-tasks", (command, params) => show(command, params))
//
// # What it consists of
//
// A [Plugin] is made by [New] from a [Config], of which only the field User is
// required: it says who is behind a request, because the application knows and
// pull does not. [Plugin.Middleware] gives every request an [Outbox].
// [Plugin.Mount] serves the connection and the browser client. [Plugin.Head] is
// the script tag for a page. [Plugin.Register] names the modules that may send.
// [Plugin.Shutdown] ends all of it, after the server's own Shutdown.
//
// # The way of an event
//
// [Outbox.Send] encodes the event at once: what is wrong with it is an error
// there, and what the handler changes later is not sent. The outbox belongs to
// the request and keeps the event until the handler has returned. Then comes the
// epilogue: if the handler has succeeded, the request's events are handed over
// together and in order, otherwise they are forgotten. Success is a nil error
// and, where a response was committed, a status below 400; Config.Commit can say
// otherwise. A panic forgets them too, and goes on.
//
// The epilogue never waits. A goroutine of the plugin publishes the events and
// tries again for as long as the [Broker] fails; only the embedded log, which
// never makes anybody wait, takes them at once while nothing is ahead of them.
// The goroutine's queue is bounded. A place in it is taken when the event is
// sent, so that it is Send that fails with [ErrQueueFull], where somebody can
// still react, and not the epilogue.
//
// The log orders messages and hands every one to every node. Each node remembers
// the recent ones, the window, and gives them to the sessions of those at whom
// they are aimed. A session is one connection, by WebSocket or Server-Sent Events,
// with a queue that is bounded in bytes. The browser client drops what it has
// seen, runs the hooks, and keeps its cursor: the position in the log up to which
// it knows everything.
//
// [Outbox.Flush] hands over now, whatever becomes of the request. [Plugin.Send] is
// for code that serves no request. Code that has only a context finds the outbox
// by [From].
//
// # What is guaranteed
//
// A request that fails announces nothing. A page handles each message for it at
// most once and in the order of the log. It misses none between the moment at
// which its request began and the moment at which it connects, nor across any
// disconnect, as long as the window covers the time: five minutes, 100,000
// messages and 64 MiB by default. Where the window does not, the page is told of
// a gap, and should fetch its state again. A page that cannot keep up is cut,
// returns and recovers, and harms nobody else. A slow broker delays no response.
// A planned restart of a single node loses nothing if Config.StateFile is set and
// the next process starts when the last one has ended.
//
// # What is not
//
// An event may reach a page before the response of the request that sent it
// reaches its client. Events of two requests are ordered by the ends of their
// handlers, which need not be the order of their transactions. An event is lost
// if the process dies after the request's success and before the log has it; who
// cannot live with that keeps events in a table of the database, as the example
// for the package shows. Nothing outlives a crash of a node with the embedded
// log: its pages are told of a gap.
//
// # Who hears
//
// A [Target] is users, the watchers of tags, or everyone who is connected, minus
// exceptions; unions reach a user once. A user is a string that Config.User
// returns, and hears on all pages and devices. The empty string is a guest:
// guests connect if Config.Guests allows it, and hear what is sent to [Shared],
// nothing else. No page can say who it is, and no page can send. A connection is
// accepted from the application's own origin and from Config.AllowedOrigins.
// [Plugin.Disconnect] ends a user's connections on all nodes.
//
// # Watches
//
// A tag is free text, "TASK_7". [Outbox.Watch] has the current user watch it,
// [Plugin.Watch] anybody. A watch belongs to the user, not to the page: every page
// of the user hears the tag. Only the server grants one; the page keeps it alive
// by extending it, and 32 minutes after the last extension it ends.
//
// A watch that is granted by the request that renders a page counts from this
// request's cursor, unless the request has a body: see [Outbox.Watch]. So the page hears what was sent to the tag while it was on its
// way to the browser, although the grant itself came into the log later.
//
// # Presence
//
// [Plugin.Presence] says who is online. A user is online while at least one
// session is open on any node, and for a grace of 15 seconds after the last one
// has gone, so that a reload makes no noise. Config.OnOnline and Config.OnOffline
// tell the application; Config.Online says which users are told of one another,
// by default none. Guests are counted, not listed.
//
// # Many nodes
//
// A [Broker] is all that nodes share: an ordered log with offsets that rise by
// exactly one within an epoch. Watches and presence travel through it as messages
// of the plugin's own, and each node derives the same state from the same log, so
// that nothing else has to be shared. A hole in the offsets or another epoch
// means that messages are lost: every page is told of a gap, and life goes on.
// Messages that are published twice, because nobody knows whether the first time
// has worked, are recognised and dropped.
//
// Only [Memory] ships, the log of a single node. Package brokertest holds the
// contract as an executable suite for any other.
//
// # Reading order
//
// The way in: plugin.go, middleware.go, scope.go, body.go, outbox.go, event.go,
// target.go, envelope.go, shipment.go, publisher.go, broker.go, memoryroom.go. What a node makes
// of the log: node.go, brokenlog.go, history.go, watch.go, pastwatch.go, grant.go,
// presence.go, stays.go, peers.go, online.go. The way out: dispatcher.go, route.go,
// parcel.go, session.go, link.go, and the two kinds of connection, broadcaster.go
// and sse.go. Who may connect: connect.go, visitor.go, origin.go, hosts.go,
// admit.go. What clients may take: limits.go, allowance.go, burden.go, flood.go,
// incoming.go. How a session begins: join.go, cursor.go, waitlist.go, replay.go,
// selection.go. Where browsers find it all: mount.go, location.go, client.go,
// registry.go. How it is set up and how it ends: config.go, state.go,
// statefile.go, shutdown.go. The rest is small: hooks.go, clock.go, stats.go,
// errors.go, seldom.go, writer.go, deque.go, and what differs between systems,
// lockfile_*.go, offer_unix.go and offer_other.go.
//
// The protocol is in docs/protocol.md, what is promised with the test for each
// promise in docs/guarantees.md, and why things are as they are in docs/decisions.
package pull
