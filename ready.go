package pull

import (
	"github.com/labstack/echo/v4"
)

// Ready returns nil if this node can serve pages: it reaches the log in both
// directions, there is room for events that wait, and [Plugin.Shutdown] has not been
// called. Otherwise it returns an error that names the reason: [ErrClosed] after
// Shutdown, [ErrQueueFull], or another one while events do not reach the log or do not
// come back from it. If the log is silent and reports no error, that takes 25 seconds to
// notice. Ready sends nothing and does not block; it may be called as often as you like,
// and concurrently.
//
// Pages that are connected stay connected while the node is not ready. They receive what
// they miss when the log is back.
func (p *Plugin) Ready() error { return p.engine.Ready() }

// ReadyHandler returns a handler that responds with 200 and the text "ok" if the node is
// ready, and otherwise with 503 and the error of [Plugin.Ready]. The text contains no
// address and no error of the broker, so the handler needs no login. Responses are not
// cached. Register it for GET, and for HEAD if your load balancer uses that:
//
//	e.GET("/ready", p.ReadyHandler())
//
// If all nodes share a log that fails, none of them is ready. [In production] explains
// what to check with it.
//
// [In production]: https://github.com/echo-pull/pull/blob/main/docs/production.md#is-a-node-ready
func (p *Plugin) ReadyHandler() echo.HandlerFunc { return handlerOf(p.server.Ready) }
