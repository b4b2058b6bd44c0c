package pull

import (
	"github.com/labstack/echo/v4"
)

// Inspector returns a handler for pages that show what the plugin does at this moment,
// and why a user did not get an event:
//
//	e.GET("/admin/pull*", p.Inspector(), admin)
//
// The route ends with a wildcard, and admin is the application's own check that the user
// is an administrator: the pages show the ids of users, what they watch, and the names of
// events. Params are shown only with Config.InspectParams, and those of a secret event
// never. A request without a user is refused with 403, whatever it requests, and one with
// another method than GET and HEAD with 405: the pages change nothing.
//
// The overview is live on the plugin's own connection, if that is mounted, and with a
// Broker if Config.Secret is set. Everything works without JavaScript, too. While the
// overview is open somewhere, the node that has rendered it sends an update of a few KiB
// every two seconds through the log, and keeps the counters of the last five minutes;
// otherwise the inspector keeps nothing. Nodes do not keep the updates, nor count them as
// events. The pages have a Content Security Policy of their
// own unless the application has set one; their scripts and styles come from their own
// origin and have Config.Nonce.
//
// The handler is safe for concurrent use. [Production] describes the pages.
//
// [Production]: https://github.com/echo-pull/pull/blob/main/docs/production.md#inspector
func (p *Plugin) Inspector() echo.HandlerFunc {
	return handlerOf(p.server.Inspector(func(r any) string { return p.nonce(r.(echo.Context)) })) //nolint:forcetypeassert // is nothing else
}
