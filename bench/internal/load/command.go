package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// A Command is one line that the driver writes to a client's standard input.
// The client answers each with one line.
type Command struct {
	Begin *wire.Job `json:"begin,omitempty"` // the client responds {} once it counts
	End   *int64    `json:"end,omitempty"`   // messages published; the client responds with a Result
}

// Connected is the first line a client prints.
type Connected struct {
	Elapsed time.Duration `json:"elapsed"` // ns
}

const (
	// idle is how long a client waits at a time for the driver and messages.
	idle = 5 * time.Millisecond

	// silence is how long nothing arrives before a missing message is lost.
	silence = 2 * time.Second
)

// Run connects, and executes the driver's commands until in ends.
func Run(o Options, in io.Reader, out io.Writer) error {
	start := time.Now()
	client, err := Dial(o)
	if err != nil {
		return err
	}
	defer client.Close()

	runtime.LockOSThread()
	answers := json.NewEncoder(out)
	if err := answers.Encode(Connected{time.Since(start)}); err != nil {
		return err
	}
	commands, failed := read(in)
	for open := true; open; {
		select {
		case command, more := <-commands:
			open = more
			err = client.obey(command, answers)
		default:
			err = client.Poll(idle)
		}
		if err != nil {
			return fmt.Errorf("client: %w", err)
		}
	}
	return <-failed
}

// read parses lines into commands.
func read(in io.Reader) (<-chan Command, <-chan error) {
	commands, failed := make(chan Command), make(chan error, 1)
	go func() {
		defer close(commands)
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			var c Command
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				failed <- err
				return
			}
			commands <- c
		}
		failed <- lines.Err()
	}()
	return commands, failed
}

func (c *Client) obey(command Command, answers *json.Encoder) error {
	switch {
	case command.Begin != nil:
		c.Begin(*command.Begin)
		return answers.Encode(struct{}{})
	case command.End != nil:
		if err := c.drain(*command.End); err != nil {
			return err
		}
		return answers.Encode(c.End(*command.End))
	default:
		return nil
	}
}

// drain waits until everything has arrived, or nothing arrives any more.
func (c *Client) drain(messages int64) error {
	last, since := c.Deliveries(), time.Now()
	for !c.Done(messages) && time.Since(since) < silence {
		if err := c.Poll(idle); err != nil {
			return err
		}
		if n := c.Deliveries(); n != last {
			last, since = n, time.Now()
		}
	}
	return nil
}
