package explain

import "time"

// A Node is a process that shares the log, as another one, or itself, knows it.
type Node struct {
	ID       string // another one after each start
	Self     bool
	Stopping bool      // it has announced that it stops
	Silent   bool      // nothing was received for so long that its users count as gone
	Heard    time.Time // when this node has received its last message
	Sent     time.Time // when it has sent that, by its own clock
	Users    int       // users whom it has announced
}
