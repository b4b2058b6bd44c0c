package publish

// Observe makes the publisher pass every message that it accepts to note, in order
// and before the message has its name. note must not keep the message, nor call
// the publisher.
func (p *Publisher) Observe(note func(raw []byte)) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.note = note
}

// observe passes messages to the observer, if there is one. The caller holds mu.
func (p *Publisher) observe(messages [][]byte) {
	if p.note == nil {
		return
	}
	for _, raw := range messages {
		p.note(raw)
	}
}

// Mark hands over a control message that makes the position visible which the log
// has now. It reserves no place, and returns the sequence number of the message.
func (p *Publisher) Mark(raw []byte) (seq uint64, err error) {
	seq, _, err = p.submit(Batch{Messages: [][]byte{raw}})
	return seq, err
}
