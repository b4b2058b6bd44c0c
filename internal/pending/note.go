// Package pending holds the notifications that the log has ordered and that
// nobody needs to send yet: until when they wait, and what makes them unnecessary.
package pending

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/protocol"
)

// A Note is a notification for all its recipients, as every node has it from the
// log. The list that it is in owns it; its exported fields do not change but for
// Owner.
type Note struct {
	notification.Notification // without what is in Body

	Owner   string           // the node that sends it
	Addr    envelope.Address // whom the event is for
	Body    []byte           // of the event
	PerUser envelope.PerUser // what single users get besides
	Size    int              // what the log has of it, in bytes

	first *Entry // its entries, linked by nextOfNote and prevOfNote
	left  int    // the number of its entries, and one for the search for recipients
	held  int    // the number of those that are held

	// Everyone is set while it is for all users with devices, and its owner is
	// still finding out who they are. done are those who need it no more: they
	// have looked at a page meanwhile, or were notified.
	Everyone  bool
	done      map[string]struct{}
	withdrawn bool                     // from everyone
	spared    []func(user string) bool // report whether it was withdrawn from a user
}

// An Entry is a notification for one user.
type Entry struct {
	Note *Note
	User string

	due        time.Time
	index      int // in List.due; -1 if it is not there
	state      state
	ours       bool // this node sends it, whoever owns the note
	obsolete   bool // it is being sent, but is not to be tried again
	tries      int  // how often it was tried
	nextOfNote *Entry
	prevOfNote *Entry
}

// A state is what an entry waits for.
type state uint8

const (
	waiting state = iota // for its time, or for another node to send it
	held                 // the user looks at a page, from which nothing may come any more
	sending              // for the pusher
	gone                 // nothing: it is not in the list
)

// Tries returns how often the notification was tried before.
func (e *Entry) Tries() int { return e.tries }

// Waiting returns how many users still wait for the note, without those who look at
// a page.
func (n *Note) Waiting() int { return n.left - n.held }

// Complete returns the notification with the event as the user's pages get it. It may be
// called by several goroutines at once.
func (e *Entry) Complete() notification.Notification {
	note, body := e.Note.Notification, e.Note.Body
	if own := e.Note.PerUser.Of(e.User); own != nil {
		body = protocol.AppendMerged(nil, body, own)
	}
	event, ok := protocol.SplitBody(body)
	if ok && json.Valid(event.Params) { // anyone may have written to the log
		note.Module, note.Command, note.Params = string(event.Module), event.Command(), bytes.Clone(event.Params)
	}
	return note
}
