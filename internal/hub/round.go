package hub

import "github.com/echo-pull/pull/internal/window"

// A round is what a batch of the log leaves to do once the lock is released. The
// node makes it, and the dispatcher gives it back to be used again.
type round struct {
	touched []*Page // that have something due
	parcels []*draft
	spare   []*draft // to be used again
	gapped  []*Page  // that are to be told of a gap
	lagging []*Page  // that are to catch up
	expels  []string // users whom another node has disconnected
	errs    []error  // to report: not under the lock, because the application may call the plugin then
}

// parcel begins a parcel of messages of a log. The address nil takes no further
// messages.
func (r *round) parcel(epoch string, to []byte, m *window.Message) *draft {
	var p *draft
	if last := len(r.spare) - 1; last >= 0 {
		p, r.spare = r.spare[last], r.spare[:last]
	} else {
		p = new(draft)
	}
	p.addr, p.frame.Epoch = to, epoch
	p.add(m)
	r.parcels = append(r.parcels, p)
	return p
}

// last returns the parcel that was begun last, or nil.
func (r *round) last() *draft {
	if len(r.parcels) == 0 {
		return nil
	}
	return r.parcels[len(r.parcels)-1]
}

// give puts a parcel among what a page is due. A page at the target in several ways
// gets it once.
func (r *round) give(s *Page, p *draft) {
	if len(s.due) == 0 {
		r.touched = append(r.touched, s)
	} else if s.due[len(s.due)-1] == p {
		return
	}
	s.due = append(s.due, p)
	p.wanted = true
}

// reset empties the round and keeps its room.
func (r *round) reset() {
	for _, p := range r.parcels {
		p.reset()
	}
	r.spare = append(r.spare, r.parcels...)[:min(spareParcels, len(r.spare)+len(r.parcels))]
	clear(r.touched)
	clear(r.gapped)
	clear(r.lagging)
	*r = round{
		touched: r.touched[:0], parcels: r.parcels[:0], spare: r.spare,
		gapped: r.gapped[:0], lagging: r.lagging[:0],
	}
}
