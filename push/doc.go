// Package push sends notifications to browsers by Web Push. It is the Pusher for
// Config.Pusher of pull, written on the standard library alone.
//
//	keys := push.Keys{Public: os.Getenv("VAPID_PUBLIC_KEY"), Private: os.Getenv("VAPID_PRIVATE_KEY")}
//	pusher, err := push.Web(push.WebConfig{Subject: "mailto:ops@example.com", Keys: keys, Store: push.NewSQLStore(db)})
//	if err != nil {
//		return err
//	}
//	plugin, err := pull.New(pull.Config{User: user, Pusher: pusher})
//
// Make a key pair once, in a module that requires this one (after go mod tidy), and
// keep it secret and out of version control:
//
//	go run github.com/echo-pull/pull/push/cmd/vapid >> .env
//	echo .env >> .gitignore
//
// Which events become notifications, who gets them and when, is up to pull. This
// package knows the devices of a user and how to reach them.
//
// # Subscriptions
//
// A browser that subscribes returns a [Subscription]: the URL of an endpoint at
// the push service of its vendor, and keys. The plugin passes it to
// [WebPusher.Subscribe], which saves it for the user of the request in a [Store].
// A subscription is a browser's, so it moves when another user logs in there, and
// [WebPusher.Unsubscribe] deletes only the user's own.
//
// [NewSQLStore] keeps subscriptions in PostgreSQL, SQLite, MySQL or MariaDB, in
// the table pull_push, which it creates. [NewMemoryStore] is for tests. For
// another database implement [Store]; package storetest tests it. A user has at
// most [MaxDevices] subscriptions; the one that has not been used for the longest
// time makes room.
//
// A subscription is bound to the public key with which the browser subscribed.
// With new keys, push services respond 401 or 403 to old subscriptions, until
// their pages have been visited and have subscribed again. So replace keys only if
// the private one is known to others.
//
// # What is sent
//
// A message is the JSON of the notification, encrypted for the browser as one
// record (RFC 8188 and RFC 8291), so it holds at most 3,993 bytes. The text is
// padded to a multiple of 128 bytes: what the push service sees of the content is
// a rough length. It also sees the time, the endpoint, the application's subject
// and public key, the urgency, how long the message is worth delivering, and a
// topic.
//
// The topic makes a message replace one that still waits at the push service. It
// is Push.Topic, or else derived from Push.Tag and the endpoint with a secret, so
// that a service can see neither the tag nor which devices share one. A
// notification without a tag has no topic.
//
// The Authorization header has a token that is signed with the private key
// (RFC 8292). One token for each push service is kept for 11 hours.
//
// # Retries
//
// [WebPusher.Push] sends to all browsers of a user at the same time.
//
//	response                 effect
//	2xx                      delivered
//	404, 410                 the subscription is deleted
//	408, 429, 5xx            RetryError
//	no response              RetryError
//	any other, or a redirect ServiceError; nothing is deleted
//
// The plugin calls Push again after a RetryError, until the notification expires.
// Browsers that have got the notification, or cannot get it, are left out. A
// restart forgets that; the notification's tag then makes a second one replace the
// first.
//
// A RetryError comes with a time to wait: the service's Retry-After, up to an
// hour, or else a time that doubles from 5 seconds to about 10 minutes. It varies
// by chance, so that not all come back at once. Until its Retry-After has passed,
// nothing is sent to a service, for any user.
//
// Each push service gets at most WebConfig.Parallel requests at a time, and
// WebConfig.Waiting others wait for their turn, so a service that hangs delays
// neither the others nor, without bound, its own callers. While it responds to no
// request in time, it gets one at a time.
//
// A [ServiceError] with status 400, 401 or 403 concerns in general all
// notifications: the subject, the keys or the clock are wrong. Watch for it in
// Config.OnError.
//
// # Security
//
// An endpoint is a URL that a client names and the server requests, which invites
// forged requests to the server's own network. Therefore an endpoint must be an
// https URL without a user and at a host of WebConfig.Hosts. By default those are
// the push services of the browsers. The list applies when a browser subscribes
// and again when a message is sent. The client connects to public addresses only,
// which it checks after the name is resolved, follows no redirects, uses no proxy
// and reads a few kilobytes of a response. WebConfig.Client replaces this client:
// with one of your own, the list of hosts is what protects your network.
//
// Endpoints and keys are secrets of the users. Errors and logs name the host of a
// push service only.
//
// # Platforms
//
//	browser                      push service
//	Chrome, and others like it   fcm.googleapis.com
//	Firefox                      updates.push.services.mozilla.com
//	Safari                       *.push.apple.com
//	Edge on Windows              *.notify.windows.com
//
// On iOS and iPadOS only sites on the home screen may subscribe. Apple's service
// refuses every message of an application whose subject is malformed, which is why
// [Web] checks it. Chromium shows a notification of its own if a message leads to
// none, so the worker always shows one. A push service may deliver a message
// late, twice, or never, for instance when the browser stays closed until the
// notification expires.
package push
