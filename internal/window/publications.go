package window

// A Publication is what the window knows of a request with which another service has
// published events.
type Publication struct {
	Content [16]byte // a hash of what it publishes
	Lines   int      // how many of its events the log has had
	Last    uint64   // offset of the last one
}

// A RequestKey names such a request.
type RequestKey = [14]byte

// publications are the requests of which the window has an event.
type publications struct {
	requests map[RequestKey]Publication
	events   Deque[published] // ascending by offset
}

// A published is an event of a publication.
type published struct {
	offset  uint64
	at      int64 // when it was sent, as Message.Aged
	request RequestKey
}

// publishedBytes and requestBytes are what the window keeps for such an event and for
// its request: the event, and a slot of the map.
const (
	publishedBytes = 32
	requestBytes   = 71
)

// Publish reports whether the next message, which is sent at a time, is one that a
// request has not published before: an event of the request with the content, at an
// index. A request publishes its events in order, so those before the last one have
// been in the log. Publish remembers the event. It is called right before Append or
// Skip.
func (w *Window) Publish(key RequestKey, content [16]byte, index int, at int64) bool {
	p := &w.publications
	r, known := p.requests[key]
	switch {
	case known && (r.Content != content || index < r.Lines):
		return false
	case !known:
		if p.requests == nil {
			p.requests = make(map[RequestKey]Publication)
		}
		w.size += requestBytes
	}
	p.requests[key] = Publication{Content: content, Lines: index + 1, Last: w.end}
	p.events.Push(published{offset: w.end, at: max(w.latest, at), request: key})
	w.size += publishedBytes
	return true
}

// Published returns what the window knows of a request.
func (w *Window) Published(key RequestKey) (p Publication, known bool) {
	p, known = w.publications.requests[key]
	return p, known
}

// forgetPublished drops the events of publications that have left the window. Of an
// event for devices alone, the window has nothing else: it leaves with those before
// and after it, by its age, or if there are too many.
func (w *Window) forgetPublished(oldest int64) {
	p := &w.publications
	held := w.end
	if w.log.Len() > 0 {
		held = w.log.At(0).Offset
	}
	for p.events.Len() > 0 {
		e := p.events.At(0)
		if e.offset >= held || e.offset >= w.from && e.at >= oldest && p.events.Len() <= w.maxCount {
			return
		}
		w.size -= publishedBytes
		if p.requests[e.request].Last == e.offset {
			delete(p.requests, e.request)
			w.size -= requestBytes
		}
		p.events.Pop()
	}
	*p = publications{} // a map never shrinks
}

// setBack corrects the ages after the clock was set back.
func (p *publications) setBack(now int64) {
	for i := p.events.Len() - 1; i >= 0 && p.events.At(i).at > now; i-- {
		p.events.At(i).at = now
	}
}
