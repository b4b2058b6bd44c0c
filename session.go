package pull

import (
	"sync"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/rate"
)

const (
	closeViolation  = 1008 // RFC 6455 section 7.4.1: the client broke the protocol
	closeRestart    = 1012 // IANA registry: service restart; come back
	closeTooSlow    = 4001 // come back and recover
	closeNotAllowed = 4003 // stop

	// closeWait is what a session has to take what still waits for it, once
	// it is being closed.
	closeWait = 5 * time.Second

	replayPage = 256 << 10 // bytes of a replay that leave together
)

// A session is one live connection of a page. There are many of them, so what it
// can do without it does not hold. Messages for it come from the
// dispatcher, wait in a queue bounded in bytes, and leave in as few frames as
// its connection allows. While it catches up with the log it reads the window
// itself, page by page, and nothing live waits for it.
type session struct {
	user, client string
	payer        string // to whom it is charged
	node         *node
	link         link
	at           *envelope.Cursor // where the page says it is; nil if it does not, and once it has joined
	began        uint64           // disconnects before it began to connect …
	doubtful     bool             // … where the login may have been checked before

	// Guarded by node.mu.
	turn   uint8  // in which of a tick's slots it is reminded …
	behind bool   // messages after last are still to be read from the window
	place  int    // … and its place in node.turns there
	slot   int    // place in node.all
	last   uint64 // the page knows everything for it up to this offset
	from   uint64 // the cursor it came with, if it has recovered

	due []*parcel // what the dispatcher is about to hand over; its own

	mu       sync.Mutex // guards what follows
	epoch    string     // of the log that the page was last told of …
	told     uint64     // … and up to where it was
	queue    []item
	waiting  int  // bytes in queue and in a write under way
	busy     bool // flush runs or is about to
	catching bool // flush has pages of the window to read
	ended    bool // nothing more is accepted
	incoming rate.Allowance
}

// deliver hands over a sealed parcel. An idle session gets the shared frame
// with one system call on the caller's goroutine; whatever the connection does
// not take at once waits for flush.
func (s *session) deliver(o *offering, p *parcel) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.ended {
		return
	}
	s.told = max(s.told, p.last)
	if s.busy {
		s.enqueue(item{body: p.body, epoch: p.epoch, last: p.last})
		return
	}
	switch n := s.link.offer(o, p.frame); n {
	case 0:
		s.enqueue(item{body: p.body, epoch: p.epoch, last: p.last})
	case len(p.frame):
	default:
		s.enqueueRest(p.frame[n:])
	}
}

// enqueueRest queues the rest of a frame that has partly left. Nothing can be
// said before it is written, so it is never refused; the caller holds mu.
func (s *session) enqueueRest(rest []byte) {
	s.queue = append(s.queue, item{raw: rest})
	s.waiting += len(rest)
	s.wake()
	if s.isFull(len(rest)) {
		s.overflow()
	}
}

// isFull tells whether too much waits now that so many bytes have been added. What
// waits alone may be of any size, or a bound that is smaller than a message would
// cut pages that keep up; the caller holds mu.
func (s *session) isFull(added int) bool { return s.waiting > s.node.bound && s.waiting > added }

func (s *session) overflow() {
	s.drop(closeTooSlow, "too slow")
	s.node.stats.cut.Add(1)
}

// fallBehind closes a session that reads the window more slowly than that moves
// on: it comes back, and is told of a gap.
func (s *session) fallBehind() {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.ended {
		s.bye(closeTooSlow, "too slow")
		s.node.stats.cut.Add(1)
	}
}

// expect has everything wait for begin, whose last message is at an offset and may
// be followed by more of the window.
func (s *session) expect(epoch string, told uint64, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.epoch, s.told, s.catching, s.busy = epoch, told, more, true
}

// begin queues what a page is welcomed with before what has come meanwhile. It is
// bounded by itself, so that a page can always come in.
func (s *session) begin(items []item) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.queue = append(items, s.queue...)
	s.waiting += sizeOf(items)
	s.link.start(s)
}

// push queues items of the plugin's own.
func (s *session) push(items ...item) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.ended {
		return
	}
	for _, i := range items {
		s.enqueue(i)
	}
}

// moveTo notes the position that the page is told of next.
func (s *session) moveTo(epoch string, offset uint64) {
	s.mu.Lock()
	s.epoch, s.told = epoch, offset
	s.mu.Unlock()
}

// nudge pings the page and, where the log is still the one of that epoch, tells
// it a position, which may have moved on since the caller looked.
func (s *session) nudge(o *offering, epoch string, offset uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.ended {
		return
	}
	frame := s.link.ping(nil)
	if s.epoch == epoch {
		s.told = max(s.told, offset)
		body := protocol.Tick(epoch, s.told)
		frame = s.link.begin(frame, len(body)+2, epoch, s.told)
		frame = append(append(append(frame, '['), body...), ']')
		frame = s.link.end(frame)
	}
	if s.busy {
		s.enqueue(item{raw: frame})
	} else if n := s.link.offer(o, frame); n < len(frame) {
		s.enqueueRest(frame[n:])
	}
}

// enqueue adds to the queue; the caller holds mu.
func (s *session) enqueue(i item) {
	if s.ended {
		return
	}
	s.waiting += i.size()
	if s.isFull(i.size()) {
		s.overflow()
		return
	}
	s.queue = append(s.queue, i)
	s.wake()
}

func (s *session) wake() {
	if !s.busy {
		s.busy = true
		s.link.start(s)
	}
}

// drop closes the session without what waits for it; the caller holds mu. The
// rest of a frame that has partly left must follow, or the goodbye would be
// read as a part of it.
func (s *session) drop(code int, reason string) {
	kept := s.queue[:0]
	if len(s.queue) > 0 && s.queue[0].raw != nil {
		kept = append(kept, s.queue[0])
	}
	clear(s.queue[len(kept):])
	s.queue = kept
	s.bye(code, reason)
}

func (s *session) bye(code int, reason string) {
	s.ended, s.catching = true, false
	s.queue = append(s.queue, item{raw: s.link.bye(nil, code, reason), bye: true})
	s.link.limit(closeWait)
	s.wake()
}

// isIdle tells whether nothing waits for the session.
func (s *session) isIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return !s.busy
}

// catchUp has the session read from the window what it is behind.
func (s *session) catchUp() {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.ended {
		s.catching = true
		s.wake()
	}
}

// close ends the session after what waits for it: the page comes back.
func (s *session) close(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.ended {
		s.bye(closeRestart, reason)
	}
}

// expel ends the session before what waits for it.
func (s *session) expel(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.ended {
		s.drop(code, reason)
	}
}

// parting tells whether the session was already being closed; from now on it is.
func (s *session) parting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	parting := s.ended
	s.ended, s.catching = true, false
	return parting
}

// abandon is called when the connection is gone: there is nobody to write to.
func (s *session) abandon() {
	s.mu.Lock()
	s.ended, s.catching, s.queue = true, false, nil
	s.mu.Unlock()

	s.link.cut()
}
