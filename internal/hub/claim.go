package hub

import (
	"context"
	"slices"

	"github.com/echo-pull/pull/internal/envelope"
)

// A Claim is a request of another service that publishes events, of which a goroutine
// waits for the outcome.
type Claim struct {
	// Had is how many of the events the log had before the claim.
	Had int

	request envelope.RequestKey
	content envelope.ContentHash
	events  int

	decided chan struct{}   // closed once the outcome is known
	cursor  envelope.Cursor // of the last event; valid after that, as is other
	other   bool            // the log has other content under the key
}

// claims are the claims that wait. They are passive: their owner guards them.
type claims struct {
	waiting map[envelope.RequestKey][]*Claim
	decided []*Claim // in the batch that is being applied
}

func newClaims() claims { return claims{waiting: make(map[envelope.RequestKey][]*Claim)} }

// Claim begins to wait for the events of a request. The caller publishes those that
// the log does not have, calls Await, and ends with Unclaim.
func (h *Hub) Claim(request envelope.RequestKey, content envelope.ContentHash, events int) *Claim {
	h.mu.Lock()
	defer h.mu.Unlock()

	c := &Claim{request: request, content: content, events: events, decided: make(chan struct{})}
	if p, known := h.history.Published(request); known && p.Content == content {
		c.Had = p.Lines
	}
	if h.decide(c) {
		close(c.decided)
		return c
	}
	h.waiting.claims.waiting[request] = append(h.waiting.claims.waiting[request], c)
	return c
}

// Unclaim ends a claim.
func (h *Hub) Unclaim(c *Claim) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.waiting.claims.remove(c)
}

// IsDecided reports whether the outcome is known.
func (c *Claim) IsDecided() bool {
	select {
	case <-c.decided:
		return true
	default:
		return false
	}
}

// Await waits until the hub has applied all events of the request, and returns the
// position of the last one. other reports that the log has had a request with the same
// key and other content instead. decided is false if ctx has ended before.
func (c *Claim) Await(ctx context.Context) (cursor envelope.Cursor, other, decided bool) {
	select {
	case <-c.decided:
		return c.cursor, c.other, true
	case <-ctx.Done():
		return envelope.Cursor{}, false, false
	}
}

// publish reports whether the next message of the log, which has a key, is new: every
// node comes to the same result. It decides the claims of the request.
func (h *Hub) publish(e *envelope.Envelope) bool {
	k := envelope.ParseKey(e.Key)
	fresh := h.history.Publish(k.Request, k.Content, int(k.Line), e.At)
	l := &h.waiting.claims
	for _, c := range slices.Clone(l.waiting[k.Request]) {
		if h.decide(c) {
			l.remove(c)
			l.decided = append(l.decided, c)
		}
	}
	return fresh
}

// decide sets the outcome of a claim if it is known, and reports whether it is.
func (h *Hub) decide(c *Claim) bool {
	p, known := h.history.Published(c.request)
	switch {
	case !known:
		return false
	case p.Content != c.content:
		c.other = true
	case p.Lines < c.events:
		return false
	}
	c.cursor = envelope.Cursor{Epoch: h.epoch, Offset: p.Last}
	return true
}

// wake wakes the goroutines whose claims are decided.
func (l *claims) wake() {
	for _, c := range l.decided {
		close(c.decided)
	}
	l.decided = nil
}

func (l *claims) remove(c *Claim) {
	rest := slices.DeleteFunc(l.waiting[c.request], func(other *Claim) bool { return other == c })
	if l.waiting[c.request] = rest; len(rest) == 0 {
		delete(l.waiting, c.request)
	}
}
