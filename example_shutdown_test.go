//pull:only v4

package pull_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull"
)

// First shut down the server, which lets its requests finish. Then shut down
// the plugin, which publishes their events and closes the connections; the
// pages reconnect to the next process.
func ExamplePlugin_Shutdown() {
	s := newDemo(pull.Config{})
	ann := s.open("ann")
	e, p := s.echo, s.plugin

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := errors.Join(e.Shutdown(ctx), p.Shutdown(ctx))

	fmt.Println(err)
	fmt.Println(ann.hears())
	fmt.Println(p.Send(context.Background(), pull.Shared(), pull.Event{Module: "tasks", Command: "late"}))
	s.close()
	// Output:
	// <nil>
	// close {"code":1012,"reason":"restart"}
	// pull: plugin is shut down
}
