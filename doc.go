// Package pull pushes events from the handlers of an Echo application to
// browsers in real time, over WebSocket or Server-Sent Events. It is modelled on
// the "Push and Pull" module of 1C-Bitrix.
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
// The pages of users who watch the tag run the hooks of the module:
//
//	BX.addCustomEvent("onPullEvent-tasks", (command, params) => show(command, params))
//
// # Overview
//
// [New] makes a [Plugin] from a [Config]. Only the field User is required: it
// identifies the user of a request. [Plugin.Middleware] gives every request an
// [Outbox]. [Plugin.Mount] serves the connection and the browser client.
// [Plugin.Head] returns the script tag for a page. [Plugin.Register] names the
// modules that may send. [Plugin.Shutdown] ends everything; call it after the
// server's own Shutdown.
//
// # The path of an event
//
// [Outbox].Send encodes the event at once. It returns an error if anything is
// wrong with the event, and later changes by the handler are not sent. The outbox
// belongs to the request and keeps the event until the handler has returned. Then
// the epilogue runs. If the handler has succeeded, the epilogue hands over the
// request's events together and in order; otherwise it discards them. Success is
// a nil error and, if a response was committed, a status below 400. Config.Commit
// replaces this rule. On a panic the epilogue discards the events, and the panic
// continues.
//
// The epilogue never waits. A goroutine of the plugin publishes the events and
// retries for as long as the [Broker] fails. The embedded log never blocks, so it
// takes the events at once if none are ahead of them. The goroutine's queue is
// bounded. Send reserves a place in it, so it is Send that returns [ErrQueueFull],
// where the handler can still react, and the epilogue always finds room.
//
// The log orders messages and delivers each of them to every node. Each node
// remembers the recent ones, called the window, and passes them to the sessions at
// which they are aimed. A session is one connection, by WebSocket or Server-Sent
// Events, with a queue that is bounded in bytes. The browser client drops what it
// has seen, runs the hooks, and keeps its cursor: the position in the log up to
// which it has received everything for it.
//
// [Outbox].SendTx writes an event into a transaction of the application, so that
// it leaves if and only if the transaction is committed, whatever dies afterwards.
// It does not wait for the handler's success: a handler that fails after the
// commit still announces. It needs a broker with a transactional outbox, such as
// those of sqlitebroker and pgbroker, in the application's database.
//
// [Outbox].Flush publishes at once, whether or not the request succeeds.
// [Plugin.Send] is for code outside a request. [From] returns the outbox to code
// that has only a context.
//
// # Typed events
//
// [Define] makes a [Definition], an event whose params have a Go type:
//
//	var TaskUpdated = pull.Define[Task]("tasks", "update")
//
// Its method Send takes a Task and nothing else. [WriteTypeScript] writes the same type
// for the scripts of pages, [WriteAsyncAPI] describes the events for clients in other
// languages, and [CheckFile] fails a test if such a file is stale. [Typed events] is the
// guide.
//
// # Fragments of HTML
//
// [Outbox].Render sends a [Fragment] of HTML: a templ component, a node of gomponents,
// or a template.HTML. It renders once, in the call, and returns the component's error.
// The fragment is an event like any other: it belongs to the request, and is replayed.
// Others must not see what belongs to the sender, so a component has no values of the
// request's context unless the target is the request's own user. With Config.HTML the
// pages that [Plugin.Head] prepares apply fragments; the clients of htmx and Datastar
// read them from a stream of their own. See [Fragments].
//
// Of events with one Key, a page that was away can do with the last one: see
// Event.Keep.
//
// # What is guaranteed
//
// A request that fails publishes nothing. A page handles each message for it at
// most once and in log order. It misses none between the start of its request and
// the moment at which it connects, or across any disconnect, while the window
// covers the time: five minutes, 100,000 messages and 64 MiB by default. Otherwise
// the page is notified of a gap and should fetch its state again. A page that
// cannot keep up is cut, reconnects and recovers, and does not affect others. A
// slow broker delays no response. A planned restart of a single node loses nothing
// if Config.StateFile is set and the next process starts after the last one has
// ended.
//
// # What is not guaranteed
//
// An event may reach a page before the response of the request that sent it
// reaches its client. Events of two requests are ordered by when their handlers
// return, which may differ from the order of their transactions. An event of Send
// is lost if the process dies after the request's success and before the log has
// it. If an event must not be lost, use SendTx. Nothing survives a crash of a node with the embedded
// log: its pages are notified of a gap.
//
// # Targets and users
//
// A [Target] is users, the watchers of tags, or everyone who is connected, minus
// exceptions. A union reaches each user once. A user is a string that Config.User
// returns, and receives events on all pages and devices. The empty string is a
// guest. Guests connect if Config.Guests allows it. They receive what is sent to
// [Shared], and what grants in their pages permit. A page cannot choose its user. It
// can send a [Message] to other pages if the Module permits it. The plugin accepts connections from the application's own
// origin and from Config.AllowedOrigins. [Plugin.Disconnect] ends a user's
// connections on all nodes. With Config.Session in place of Config.User, a connection
// ends with its login, unless the page renews it, and [Plugin.DisconnectSession] ends one
// login.
//
// # Watches
//
// A tag is free text, such as "TASK_7". [Outbox].Watch makes the current user
// watch it, [Watches].Add any user. A watch belongs to the user, not to the page:
// every page of the user receives the tag's events. Only the server grants a
// watch. The page extends it, and it ends 32 minutes after the last extension.
//
// A watch granted by the request that renders a page counts from that request's
// cursor, unless the request has a body: see [Outbox].Watch. The page therefore
// receives what was sent to the tag while it was on its way to the browser, even
// though the grant entered the log later.
//
// A page can also watch tags itself, for as long as it is connected, and so can the
// pages of guests: [Plugin.Grant] returns a signed text that permits it, and
// [Plugin.Page] puts it into a template. The page recovers what is sent to these tags
// as it does everything else. Watches.Pages returns how many pages watch a tag by
// grants, Presence.At which users. Nodes that share a log need one Config.Secret. See
// [Watches of a page].
//
// # Presence
//
// [Plugin.Presence] reports who is online. A user is online while at least one
// session is open on any node, and for a grace of 15 seconds after the last one
// has closed, so that a reload is not reported. Config.OnOnline and
// Config.OnOffline are called on changes. Config.Online sets which users receive
// one another's changes; by default none do. Guests are counted, not listed.
//
// # Notifications
//
// An event with a [Push] also notifies the users at its target who look at no
// page, on their devices. Users who are offline are notified at once. Users who
// are online are notified after Config.PushPatience, 15 seconds by default, unless
// they look at a page or read what the Tag is about before. A page is looked at
// while it is visible and was used within five minutes; the browser client reports
// that. Config.PushAllow is called at the moment of sending. [Plugin.Push] returns
// what withdraws notifications.
//
// Config.Pusher sends them: [github.com/echo-pull/pull/push] to browsers, or one of
// yours by mail or to an app, which is one method. A Pusher that returns a
// [RetryError] is called again. Of several nodes one sends a notification, and
// another one takes over if it stops or dies; a crash may repeat a notification,
// with the same tag. [Push notifications] is the guide.
//
// # Many nodes
//
// A [Broker] is all that nodes share: an ordered log with offsets that rise by
// exactly one within an epoch. Watches and presence travel through it as the
// plugin's own messages. Each node derives the same state from the same log, so
// nothing else has to be shared. A hole in the offsets or another epoch means that
// messages are lost: every page is notified of a gap, and the plugin continues. A
// message may be published twice if it is unknown whether the first attempt
// succeeded; nodes recognize and drop the second copy.
//
// [Memory] is the log of a single node. Package sqlitebroker keeps it in a SQLite
// file, which survives a crash. Packages pgbroker, redisbroker and natsbroker are
// logs for several nodes, in PostgreSQL, Redis and NATS. Package brokertest
// contains the contract as an executable suite for any other.
//
// # Testing
//
// Package [github.com/echo-pull/pull/pulltest] tests handlers without a server, a
// socket or a sleep: it returns what left because of a request, opens pages of users,
// and causes gaps and other faults. [Testing] is the guide.
//
// # Metrics and traces
//
// [Plugin.Stats] returns what a node holds, counts and measures. Package
// github.com/echo-pull/pull/pullprom exports it to Prometheus, with a dashboard and alerts.
// Package github.com/echo-pull/pull/pullotel exports it to OpenTelemetry, and is a
// [Tracer] for Config.Trace. [Metrics] is the guide.
//
// # Echo v5
//
// Package [github.com/echo-pull/pull/v5] is the same plugin for Echo v5. See
// [Echo v5] for a quick start and the differences. The plugins share most types,
// which are aliases: "go doc pull.Outbox" lists the methods of one.
//
// [Fragments]: https://github.com/echo-pull/pull/blob/main/docs/fragments.md
// [Metrics]: https://github.com/echo-pull/pull/blob/main/docs/metrics.md
// [Testing]: https://github.com/echo-pull/pull/blob/main/docs/testing.md
// [Watches of a page]: https://github.com/echo-pull/pull/blob/main/docs/page-watches.md
// [Push notifications]: https://github.com/echo-pull/pull/blob/main/docs/push.md
// [Typed events]: https://github.com/echo-pull/pull/blob/main/docs/types.md
// [Echo v5]: https://github.com/echo-pull/pull/blob/main/docs/echo-v5.md
package pull

//go:generate go run ./scripts/aliases . v5
//pull:share internal/event Event, Keep, KeepAll, Last, Target, User, Tag, Shared, SizeError, ParamsError, ErrTooLarge
//pull:share internal/notification Push, Urgency, UrgencyVeryLow, UrgencyLow, UrgencyNormal, UrgencyHigh, Notification, Pusher, Audience, Subscriber, RetryError, SubscriptionError
//pull:share internal/broker Broker, Memory, Tx, TxOutbox
//pull:share internal/fragment Fragment, Swap, Outer, Inner, Before, Prepend, Append, After, Delete, Morph, Upsert
//pull:share internal/engine Outbox, From, HeaderClient, Watches, Presence, Pushes, Stats, Tracer
//pull:share internal/engine Module, Message, Section, PublicSection, AdminSection, NoSection
//pull:share internal/engine ErrUnknownModule, ErrTooLate, ErrOutboxFull, ErrNoOutbox, ErrGuest, ErrNoTx, ErrNoPusher, ErrNoSecret
//pull:share internal/tally Histogram
//pull:share internal/session Session
//pull:share internal/hub OnlineScope, OnlineNobody, OnlineEveryone, OnlineWatchers, ErrTooManyWatches
//pull:share internal/web Page, Platform, Desktop, Mobile, PublishConfig
//pull:share internal/publish ErrQueueFull, ErrClosed
//pull:share internal/typed Definition, Define, Typed, Declaration, OneOf, EncodedAs, WriteTypeScript, WriteAsyncAPI, APIInfo, CheckFile
