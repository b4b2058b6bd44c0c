module github.com/echo-pull/pull/v5

go 1.25.0

replace github.com/echo-pull/pull => ../

require (
	github.com/echo-pull/pull v0.0.0
	github.com/gorilla/websocket v1.5.3
	github.com/labstack/echo/v5 v5.4.4
)

require (
	github.com/olahol/melody v1.4.0 // indirect
	github.com/patrickmn/go-cache v2.1.0+incompatible // indirect
	golang.org/x/time v0.15.0 // indirect
)
