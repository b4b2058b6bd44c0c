package hub

import (
	"time"

	"github.com/echo-pull/pull/internal/ticket"
	"github.com/echo-pull/pull/internal/window"
)

const (
	// useLife is how long a node remembers that a ticket was used: longer than a
	// ticket is valid.
	useLife = 2 * time.Minute

	// maxUses bounds the uses that a node remembers, in about 100 bytes each.
	maxUses = 1 << 17
)

// uses are the tickets that were used lately, in the order of the log. What is forgotten
// cannot be used again: a ticket that is older than what is known is refused. It is
// passive: its owner guards it.
type uses struct {
	from  uint64               // every use at this offset or later is known
	first map[ticket.ID]uint64 // the first use of a ticket: the sequence number of this node's message, 0 for that of another node
	order window.Deque[use]    // the same, the oldest first
}

// A use is the first use of a ticket.
type use struct {
	id     ticket.ID
	offset uint64
	at     time.Time
}

func newUses() uses { return uses{first: make(map[ticket.ID]uint64)} }

// reset begins with another log, whose first message is at the offset: tickets belong
// to a log.
func (u *uses) reset(offset uint64) { *u = uses{from: offset, first: make(map[ticket.ID]uint64)} }

// lose notes that the uses before an offset may be unknown.
func (u *uses) lose(before uint64) { u.from = max(u.from, before) }

// add adds a use at an offset. Later uses of a ticket change nothing.
func (u *uses) add(id ticket.ID, seq, offset uint64, now time.Time) {
	if _, used := u.first[id]; used {
		return
	}
	u.first[id] = seq
	u.order.Push(use{id, offset, now})
	for u.order.Len() > maxUses {
		u.forget()
	}
}

// expire forgets some of the uses that are older than any ticket, and reports whether
// there may be more.
func (u *uses) expire(now time.Time, most int) (more bool) {
	for ; u.order.Len() > 0 && now.Sub(u.order.At(0).at) > useLife; most-- {
		if most == 0 {
			return true
		}
		u.forget()
	}
	return false
}

// forget forgets the oldest use.
func (u *uses) forget() {
	oldest := u.order.Pop()
	delete(u.first, oldest.id)
	u.lose(oldest.offset + 1)
}
