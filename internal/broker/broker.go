// Package broker defines the contract of the ordered log, and contains the
// embedded log of a single node.
package broker

import (
	"context"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// A Broker is one ordered log of messages that every node of an application
// shares. Package brokertest contains this contract as an executable suite.
type Broker interface {
	// Publish returns nil once the log holds the messages, in this order and
	// next to one another as far as the engine allows. The broker may keep the
	// slices; the caller does not write to them again. After an error the log
	// may hold none of the messages, a leading part, or all of them; the caller
	// may publish the same messages again. Publish returns when ctx ends.
	Publish(ctx context.Context, messages ...[]byte) error

	// Subscribe calls deliver for every message of the last window and then for
	// every new one, one at a time and in log order, until ctx is done. Then it
	// returns nil. An error means that the log cannot be reached; the caller
	// subscribes again. deliver may keep the message but must not write to it.
	//
	// An epoch names a log, in 1 to 255 bytes of UTF-8 without control
	// characters. Within an epoch, offsets start at 1 or above, rise by exactly
	// one from message to message, never go back, and are the same in every
	// subscription. They stay below 2^53, the largest number to which browsers
	// count exactly. A hole means that messages are lost. Another epoch means
	// that the log is lost: a log that has lost its last messages, and would
	// use their offsets again, must start another epoch.
	Subscribe(ctx context.Context, window time.Duration, deliver func(epoch string, offset uint64, message []byte)) error
}

// A Delivery is a message as delivered by the broker.
type Delivery struct {
	Epoch  string
	Offset uint64
	Raw    []byte // nil for a transient message that the embedded log has removed
}

// Check returns an error if the delivery breaks the contract of [Broker].
func (d *Delivery) Check() error {
	if d.Offset == 0 || d.Offset > envelope.MaxOffset {
		return fmt.Errorf("broker broke its contract: offset %d", d.Offset)
	}
	if err := envelope.CheckIDs("epoch", []string{d.Epoch}); err != nil {
		return fmt.Errorf("broker broke its contract: %w", err)
	}
	return nil
}
