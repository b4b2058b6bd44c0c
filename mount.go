package pull

import (
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// A mount is where the plugin's routes are.
type mount struct {
	location location          // as browsers see it
	files    map[string]*asset // of all mounts, by the path of the route …
	posts    map[string]bool   // … and the paths that take requests with a body
}

// Mount serves the plugin's routes in the group, behind the application's own
// middleware. The connection is at the group's prefix. Below it are watch,
// pull.js, pull.mjs and pull.d.ts. Each route works with and without a trailing
// slash. For requests that pass [Plugin.Middleware], the client's files, which
// contain nothing private, are served before the group's own middleware runs.
//
// Head renders the address of the last group that was mounted, or
// Config.PublicPath if it is set. Parameters of the prefix have the values that
// they have in the page's own request. A prefix with a wildcard cannot be
// mounted; Mount reports it to Config.OnError.
func (p *Plugin) Mount(g *echo.Group) {
	connect, watch := bounded(p.connect), bounded(p.watch)
	path := g.GET("", connect).Path
	if strings.Contains(path, "*") {
		p.config.OnError(fmt.Errorf("pull: cannot mount at %s: the wildcard matches the paths below it", path))
		return
	}
	slash := "/"
	if strings.HasSuffix(path, slash) {
		slash = "" // the prefix has it
	} else {
		g.GET(slash, connect)
	}
	posts := make(map[string]bool)
	for _, end := range []string{"", "/"} {
		posts[g.POST(slash+"watch"+end, watch).Path] = true
	}
	files := make(map[string]*asset)
	for name, a := range assets {
		for _, end := range []string{"", "/"} {
			files[g.GET(slash+name+end, bounded(a.serve)).Path] = a
		}
	}
	p.mount(path, &mount{location: p.public, files: files, posts: posts})
}

// mount has Head name the path from now on.
func (p *Plugin) mount(path string, m *mount) {
	if len(m.location.parts) == 0 {
		m.location = routeLocation(path)
	}
	p.mu.Lock()
	defer p.mu.Unlock()

	if before := p.mounted.Load(); before != nil {
		maps.Copy(m.files, before.files)
		maps.Copy(m.posts, before.posts)
	}
	p.mounted.Store(m)
}

// assetOf returns the file of the client that a request asks for, or nil.
func (p *Plugin) assetOf(c echo.Context) *asset {
	m := p.mounted.Load()
	if m == nil || c.Request().Method != http.MethodGet {
		return nil
	}
	return m.files[c.Path()]
}
