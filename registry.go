package pull

import (
	"github.com/labstack/echo/v4"
)

// Register adds modules. It converts their ids to lower case. A module replaces
// an earlier one with the same id. If any id is malformed or reserved, Register
// returns an error and adds none of them.
func (p *Plugin) Register(modules ...Module) error { return p.engine.Register(modules...) }

// Section marks a group of routes as a section. Head uses it to decide what to
// render on their pages.
func (p *Plugin) Section(section Section) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			p.server.SetSection(request{c}, section)
			return next(c)
		}
	}
}
