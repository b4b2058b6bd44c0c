package pull

import (
	"html/template"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/web"
)

// Mount serves the plugin's routes in the group, behind the application's own
// middleware. The connection is at the group's prefix. Below it are watch, send, session,
// ticket, html, push and the client's files: pull.js, pull.mjs, its types pull.d.mts,
// pull-html.mjs, pull-push.mjs, pull-typing.mjs, pull-shared.js and pull-worker.js. Each route
// works with and without a trailing slash. For requests that pass [Plugin.Middleware], the client's files,
// which contain nothing private, are served before the group's own middleware runs.
//
// Head renders the address of the last group that was mounted, or
// Config.PublicPath if it is set. Parameters of the prefix have the values that
// they have in the page's own request. A prefix with a wildcard cannot be
// mounted; Mount reports it to Config.OnError.
func (p *Plugin) Mount(g *echo.Group) { p.server.Mount(routes{g}) }

// routes are the routes of a group.
type routes struct{ group *echo.Group }

func (r routes) GET(path string, h func(web.Context) error) (route string) {
	return r.group.GET(path, handlerOf(h)).Path
}

func (r routes) POST(path string, h func(web.Context) error) (route string) {
	return r.group.POST(path, handlerOf(h)).Path
}

func (r routes) DELETE(path string, h func(web.Context) error) (route string) {
	return r.group.DELETE(path, handlerOf(h)).Path
}

func handlerOf(h func(web.Context) error) echo.HandlerFunc {
	return func(c echo.Context) error { return echoError(h(request{c})) }
}

// Head returns the script tag that loads the client on the page of this request
// and connects it from the position that the log had when the request began.
// Put it before the scripts that register hooks. The tag has no inline code. It
// contains Config.Nonce and the hash of the script; a browser runs only a
// script that matches the hash. With Config.HTML a second tag of the same kind
// loads pull-html.mjs.
//
// If the page should not connect, the script only defines its names, including
// BX.PULL, so that the page can register its hooks. The attribute data-off then
// gives the reason: "section" if no registered module uses the request's
// section and Config.HTML is false, "user" if Config.User returned an error,
// "guest" if nobody is logged in and guests may not connect.
//
// Head returns an empty string before Mount. It also does so if the page's
// route lacks a parameter of the mount, which it reports to Config.OnError.
func (p *Plugin) Head(c echo.Context) template.HTML {
	platform := Desktop
	if p.config.Platform != nil {
		platform = p.config.Platform(c)
	}
	return p.server.Head(request{c}, platform.String(), p.nonce(c))
}

// nonce returns the nonce of the policy of a page, or "".
func (p *Plugin) nonce(c echo.Context) string {
	if p.config.Nonce == nil {
		return ""
	}
	return p.config.Nonce(c)
}
