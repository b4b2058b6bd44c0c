package pull

import (
	"errors"
	"os"
)

// flush writes what waits until nothing does. One call at most runs at a time.
func (s *session) flush() {
	for {
		items, ok := s.next()
		if !ok {
			return
		}
		if err := writeItems(s.link, items); err != nil {
			s.fail(err)
			return
		}
		s.written(items)
		if items[len(items)-1].bye {
			s.link.finish()
			return
		}
	}
}

// fail ends a session that cannot be written to.
func (s *session) fail(err error) {
	if !s.parting() && errors.Is(err, os.ErrDeadlineExceeded) {
		s.node.stats.cut.Add(1) // it has taken nothing for too long
	}
	s.abandon()
}

func (s *session) written(items []item) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.waiting -= sizeOf(items)
}

// next takes what flush has to write: the queue, else a page of the window.
func (s *session) next() ([]item, bool) {
	for {
		items, catching := s.take()
		if len(items) > 0 || !catching {
			return items, len(items) > 0
		}
		page, more := s.node.page(s)
		s.advance(page, more)
		if left := s.charge(sizeOf(page)); !left && more {
			s.close(sated)
		}
		if len(page) > 0 {
			return page, true
		}
	}
}

// sated is why a replay ends in the middle: the page comes back for the rest, from
// the position at which it is then.
const sated = "too much was replayed, try again"

// charge charges a part of a replay, and tells whether the payer has anything left.
func (s *session) charge(bytes int) bool {
	return s.node.charge == nil || bytes == 0 || s.node.charge(s.payer, bytes)
}

// take takes the queue. Where that is empty, it is flush's turn to read the
// window, or flush is over.
func (s *session) take() (items []item, catching bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	items, s.queue = s.queue, nil
	if len(items) == 0 {
		catching, s.busy = s.catching, s.catching
		s.catching = false // unless there is more, or more comes meanwhile
	}
	return items, catching
}

// advance notes what the page is about to get of the window, and whether there is
// more. If the log broke meanwhile, hello has moved the page already.
func (s *session) advance(page []item, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.catching = (s.catching || more) && !s.ended
	for i := range page {
		s.waiting += page[i].size()
		if page[i].epoch == s.epoch {
			s.told = max(s.told, page[i].last)
		}
	}
}
