package web

import "net/http"

// A Context is one request, as a web framework presents it.
type Context interface {
	Request() *http.Request
	Response() http.ResponseWriter

	// Framework returns the framework's own context, the argument of Config.User.
	Framework() any

	// Route returns the pattern of the route, and Param one of its parameters.
	Route() string
	Param(name string) string

	// RealIP and Scheme return what the framework trusts, possibly from the
	// headers of a proxy.
	RealIP() string
	Scheme() string

	// Get and Set access values that live as long as the request.
	Get(key string) any
	Set(key string, value any)

	// JSON sends a response as the framework is configured to.
	JSON(status int, response any) error

	// Committed reports whether the response has begun.
	Committed() bool

	// CanHijack reports whether the response writer can be hijacked.
	CanHijack() bool

	// Begin runs the hooks that the application has registered to run before the
	// header is written, without writing it. Unbegin restores the state before
	// Begin, if nothing was written after all.
	Begin(status int)
	Unbegin()

	// HasStatus reports whether err is an error of the framework with a status.
	HasStatus(err error) bool
}
