package pull

import (
	"github.com/labstack/echo/v5"
)

// PublishHandler returns a handler with which another service publishes events:
//
//	e.POST("/publish", p.PublishHandler(pull.PublishConfig{
//		Keys: []string{os.Getenv("SHOP_KEY")}, Modules: []string{"orders"},
//	}))
//
// A request is a POST with one event as application/json, or with up to 512 as
// application/x-ndjson, of which all are published or none. It is authorized by a key
// and by nothing else, so do not mount the handler behind a login or a protection
// against CSRF. The response is 200 once the log has the events and this node has
// applied them. A request with the header Idempotency-Key can be repeated: its events
// are published once, on whichever nodes it arrives, for as long as the window holds
// them. [Publishing] describes requests and responses.
//
// PublishHandler panics if the configuration is unusable. The handler is safe for
// concurrent use.
//
// [Publishing]: https://github.com/echo-pull/pull/blob/main/docs/publish.md
func (p *Plugin) PublishHandler(config PublishConfig) echo.HandlerFunc {
	return handlerOf(p.server.PublishHandler(config))
}
