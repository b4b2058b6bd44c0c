// Package client holds the files of the browser client, which the plugin serves.
// An application does not import it.
package client

import _ "embed" // the files

//go:generate npm ci
//go:generate npm run build

var (
	// Script is pull.js, a classic script.
	//go:embed dist/pull.js
	Script []byte

	// Module is pull.mjs, an ES module.
	//go:embed dist/pull.mjs
	Module []byte

	// HTML is pull-html.mjs, an ES module that applies fragments and defines the element
	// pull-watch.
	//go:embed dist/pull-html.mjs
	HTML []byte

	// Push is pull-push.mjs, an ES module that the client loads for notifications.
	//go:embed dist/pull-push.mjs
	Push []byte

	// Typing is pull-typing.mjs, an ES module that shows who is typing.
	//go:embed dist/pull-typing.mjs
	Typing []byte

	// Shared is pull-shared.js, an ES module that a tab loads to share its connection, and
	// that is the worker which holds it.
	//go:embed dist/pull-shared.js
	Shared []byte

	// Worker is pull-worker.js, the service worker that shows notifications.
	//go:embed dist/pull-worker.js
	Worker []byte

	// Types is pull.d.ts, the types of the module.
	//go:embed pull.d.ts
	Types []byte
)
