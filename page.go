package pull

import (
	"html/template"

	"github.com/labstack/echo/v4"
)

// Grant returns a grant: a text with which a page of the request's user, or of a
// guest, watches the tags itself, from the request's position in the log on, for as
// long as it needs them and is connected. Put it into the page, as the argument of
// pull.watch or the attribute of an element <pull-watch>. Unlike a watch of
// [Outbox].Watch, it does not affect the user's other pages, works for guests, and
// puts nothing into the log.
//
// The page gets everything sent to the tags since the request, or is notified of a
// gap. If the request has a body, the grant counts from the moment at which the body
// had been read: see [Outbox].Watch.
//
// A grant is valid for Config.GrantTTL, and is renewed while a page uses it. It
// cannot be revoked before: a user who may no longer see what is sent to a tag can use
// it until then. Only the same user can use it, and nobody can change it, but the
// tags in it can be read.
//
// Tags follow the rules of watches; there are 1 to 100, and at most about 1,400 bytes
// of them. Grant returns an error for other tags, [ErrNoSecret], or the error of
// Config.User.
func (p *Plugin) Grant(c echo.Context, tags ...string) (string, error) {
	return p.server.Grant(request{c}, tags)
}

// Page returns what the template of the request's page needs: Head and Watch.
//
//	data := struct {
//		*pull.Page
//		Text string
//	}{p.Page(c), article.Text}
//
//	{{ .Head }}
//	<pull-watch grant="{{ .Watch "ARTICLE_5" }}"></pull-watch>
func (p *Plugin) Page(c echo.Context) *Page {
	return p.server.NewPage(request{c}, func() template.HTML { return p.Head(c) })
}
