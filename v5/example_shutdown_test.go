package pull_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/echo-pull/pull/v5"
)

// Start returns when its context ends and the requests under way have finished.
// Streams end with it at once. Then shut down the plugin, which publishes the
// events of those requests and closes the connections; the pages reconnect to
// the next process.
func ExamplePlugin_Shutdown() {
	p, err := pull.New(pull.Config{User: func(*echo.Context) (string, error) { return "ann", nil }})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	server := echo.StartConfig{Address: "127.0.0.1:0", HideBanner: true, HidePort: true}
	stop() // a real program calls it on a signal
	err = server.Start(ctx, e)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(errors.Join(err, p.Shutdown(ctx)))
	// Output: <nil>
}
