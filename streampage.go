package pull

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/conn"
)

// serveStream carries the page's messages over the response for as long as that
// lives.
func (p *Plugin) serveStream(c echo.Context, pg *page) error {
	defer p.part(pg)
	w := bare(c.Response())
	header := w.Header()
	header.Set(echo.HeaderContentType, "text/event-stream")
	header.Set(echo.HeaderCacheControl, "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no")
	link, err := conn.NewStream(w, c.Request(), &pg.Conn)
	if err != nil {
		p.reportTimeouts(c.Request(), w)
	}
	runHooks(c.Response(), http.StatusOK)
	w.WriteHeader(http.StatusOK)
	p.unburden(c)
	pg.Connected()
	defer pg.Cut()
	if p.serverStops(c.Request()) {
		pg.Close("restart")
	}
	if err := link.Run(c.Request().Context(), &pg.Conn); err != nil {
		_ = p.incapable(w, noFlush) // the response has begun
	}
	return nil
}

// reportTimeouts reports that streams end with a timeout of the server, where it
// has one, because the response writer takes no other. Pages would return again
// and again.
func (p *Plugin) reportTimeouts(r *http.Request, w http.ResponseWriter) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if ok && max(server.ReadTimeout, server.WriteTimeout) > 0 && p.reports.Allow("timeouts") {
		p.config.OnError(fmt.Errorf("pull: streams end after the server's ReadTimeout or WriteTimeout: "+
			"a response writer of type %T takes no deadlines, and has no Unwrap", w))
	}
}
