package pull

import (
	"fmt"
	"sync"
	"time"
)

const (
	closeGoingAway  = 1001 // RFC 6455 section 7.4.1
	closeViolation  = 1008 // the client broke the protocol
	closeRestart    = 1012 // IANA registry: service restart; come back
	closeTooSlow    = 4001 // come back and recover
	closeNotAllowed = 4003 // stop

	// closeWait is what a session has to take what still waits for it, once
	// it is being closed.
	closeWait = 5 * time.Second

	incomingBurst = 20                     // frames that a client may send at once
	incomingEvery = 500 * time.Millisecond // and one more each …
	writeBuffer   = 16 << 10               // bytes collected before they are written
	writeTimeout  = 30 * time.Second       // for a write that makes no progress
	replayPage    = 256 << 10              // bytes of a replay that leave together
)

// A link is the connection of a session: WebSocket or Server-Sent Events.
type link interface {
	framing

	// offer writes as much of a frame as can be written without waiting and
	// returns how much that was.
	offer(o *offering, frame []byte) int

	// write writes everything or fails.
	write(p []byte) error

	// limit bounds how long all further writing may take.
	limit(d time.Duration)

	// finish is called when the goodbye was written; nothing follows.
	finish()

	// cut ends the connection at once, whoever reads or writes.
	cut()
}

// A framing is how a link puts messages on the wire.
type framing interface {
	// begin and end enclose an array of so many bytes that ends at a position
	// in the log; 0 is none.
	begin(b []byte, length int, epoch string, last uint64) []byte
	end(b []byte) []byte

	ping(b []byte) []byte
	bye(b []byte, code int, reason string) []byte
}

// An item waits in a session's queue: messages, which join with their
// neighbours into one frame, or bytes that leave as they are.
type item struct {
	body  []byte // messages, comma separated
	epoch string
	last  uint64 // position of the last of them, 0 for none
	raw   []byte
	bye   bool // raw is the goodbye
}

func (i *item) size() int { return len(i.body) + len(i.raw) }

// A session is one live connection of a page. Messages for it come from the
// dispatcher, wait in a queue bounded in bytes, and leave in as few frames as
// its connection allows. While it catches up with the log it reads the window
// itself, page by page, and nothing live waits for it.
type session struct {
	user, client string
	node         *node
	link         link
	at           *cursor // where the page says it is; nil if it does not
	start        func()  // has flush called on a goroutine of the session's

	// Guarded by node.mu.
	slot   int    // place in node.all
	last   uint64 // the page knows everything for it up to this offset
	from   uint64 // the cursor it came with, if it has recovered
	behind bool   // messages after last are still to be read from the window

	due []*parcel // what the dispatcher is about to hand over; its own

	mu       sync.Mutex // guards what follows
	epoch    string     // of the log that the page was last told of
	queue    []item
	waiting  int  // bytes in queue and in a write under way
	bound    int  // of waiting
	busy     bool // flush runs or is about to
	catching bool // flush has pages of the window to read
	ended    bool // nothing more is accepted
	tokens   int  // incoming frames that are allowed now
	refilled time.Time
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
	if s.waiting > s.bound {
		s.overflow()
	}
}

func (s *session) overflow() {
	s.drop(closeTooSlow, "too slow")
	s.node.stats.cut.Add(1)
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

// moveTo notes the log that the page is told of next.
func (s *session) moveTo(epoch string) {
	s.mu.Lock()
	s.epoch = epoch
	s.mu.Unlock()
}

// nudge pings the page and tells it a position in the log, or none where body is
// nil, or where the log is another one by now.
func (s *session) nudge(o *offering, body []byte, epoch string, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.ended {
		return
	}
	frame := s.link.ping(nil)
	if body != nil && s.epoch == epoch {
		frame = s.link.begin(frame, len(body)+2, epoch, last)
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
	if s.waiting > s.bound {
		s.overflow()
		return
	}
	s.queue = append(s.queue, i)
	s.wake()
}

func (s *session) wake() {
	if !s.busy {
		s.busy = true
		s.start()
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

// close ends the session after what waits for it.
func (s *session) close(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.ended {
		s.bye(code, reason)
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

// flush writes what waits until nothing does. One call at most runs at a time.
func (s *session) flush() {
	for {
		items, ok := s.next()
		if !ok {
			return
		}
		if err := s.write(items); err != nil {
			s.abandon()
			return
		}
		if items[len(items)-1].bye {
			s.link.finish()
			return
		}
	}
}

// next takes what flush has to write: the queue, else a page of the window.
func (s *session) next() ([]item, bool) {
	s.mu.Lock()
	items, catching := s.queue, s.catching
	if len(items) > 0 {
		s.queue = nil
		s.mu.Unlock()
		return items, true
	}
	if !catching {
		s.busy = false
		s.mu.Unlock()
		return nil, false
	}
	s.mu.Unlock()

	page, more := s.node.page(s)
	s.mu.Lock()
	s.catching = more && !s.ended
	for i := range page {
		s.waiting += page[i].size()
	}
	s.mu.Unlock()
	if len(page) == 0 {
		return s.next()
	}
	return page, true
}

// write puts items on the wire, neighbouring messages as one frame.
func (s *session) write(items []item) error {
	w := linkWriters.Get().(*linkWriter) //nolint:forcetypeassert // holds nothing else
	defer w.release()
	w.link, w.err = s.link, nil
	for i := 0; i < len(items); {
		if items[i].raw != nil {
			w.append(items[i].raw)
			i++
			continue
		}
		end, length := i, 1
		for end < len(items) && items[end].raw == nil {
			length += len(items[end].body) + 1
			end++
		}
		epoch, last := position(items[i:end])
		w.buf = s.link.begin(w.buf, length, epoch, last)
		for k := i; k < end; k++ {
			w.buf = append(w.buf, "[,"[min(k-i, 1)])
			w.append(items[k].body)
		}
		w.buf = s.link.end(append(w.buf, ']'))
		i = end
	}
	w.flush()

	s.mu.Lock()
	for i := range items {
		s.waiting -= items[i].size()
	}
	s.mu.Unlock()
	return w.err
}

// position returns up to where the log is known after the items. Some have none.
func position(items []item) (epoch string, last uint64) {
	for i := len(items) - 1; i >= 0; i-- {
		if items[i].last > 0 {
			return items[i].epoch, items[i].last
		}
	}
	return "", 0
}

// A linkWriter collects small pieces, so that a frame of any length needs
// little memory of its own.
type linkWriter struct {
	link link
	buf  []byte
	err  error
}

var linkWriters = sync.Pool{New: func() any { return new(linkWriter) }} //nolint:gochecknoglobals // a cache of buffers

func (w *linkWriter) release() {
	w.link, w.buf = nil, w.buf[:0]
	linkWriters.Put(w)
}

func (w *linkWriter) append(p []byte) {
	if len(w.buf)+len(p) > writeBuffer {
		w.flush()
	}
	if len(p) > writeBuffer {
		w.write(p)
		return
	}
	w.buf = append(w.buf, p...)
}

func (w *linkWriter) flush() {
	w.write(w.buf)
	w.buf = w.buf[:0]
}

func (w *linkWriter) write(p []byte) {
	if w.err == nil && len(p) > 0 {
		w.err = w.link.write(p)
	}
}

// allow tells whether the client may send one more frame now.
func (s *session) allow(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.refilled.IsZero() {
		s.tokens, s.refilled = incomingBurst, now
	}
	if earned := int(now.Sub(s.refilled) / incomingEvery); earned > 0 {
		s.tokens = min(incomingBurst, s.tokens+earned)
		s.refilled = s.refilled.Add(time.Duration(earned) * incomingEvery)
	}
	s.tokens--
	return s.tokens >= 0
}

func (s *session) String() string { return fmt.Sprintf("session %s of user %q", s.client, s.user) }
