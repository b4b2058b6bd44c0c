package publish

// maxRelays is the largest number of messages in the queue that are for the pages which
// are connected now. They take no place of an event.
const maxRelays = 1024

// Relay hands over a message of a page, or another one that is for the pages which are
// connected now. It never waits. It returns ErrQueueFull if the broker does not take
// messages at the moment: it has refused the last call, or the queue is more than half
// full, or there are already many such messages in it. It returns ErrClosed after Drain
// has been called. settled is nil, or is called once, without a lock, when the message
// does not wait any more, or never will.
func (p *Publisher) Relay(raw []byte, settled func()) error {
	b := Batch{Messages: [][]byte{raw}, relay: true}
	if settled != nil {
		b.Settled = func(error) { settled() }
	}
	err := p.admitRelay()
	if err != nil {
		if b.Settled != nil {
			b.Settled(err)
		}
		return err
	}
	_, _, err = p.submit(b)
	return err
}

// admitRelay reserves a place.
func (p *Publisher) admitRelay() error {
	if err := p.Accepts(); err != nil {
		return err
	}
	if p.failing.Load() || p.events.Load() > maxEvents/2 || p.bytes.Load() > MaxBytes/2 {
		return ErrQueueFull
	}
	if p.relays.Add(1) > maxRelays {
		p.relays.Add(-1)
		return ErrQueueFull
	}
	return nil
}
