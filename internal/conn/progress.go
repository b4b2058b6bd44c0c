package conn

// A Progress is how far a connection is.
type Progress struct {
	Epoch  string
	Offset uint64 // of the position that was last sent or queued
	Queued int    // bytes that are queued, or are being written
	Idle   bool   // everything up to the position is written
	Ended  bool   // nothing more is accepted
	Cause  Cause  // why it has ended
}

// Progress returns how far the connection is.
func (c *Conn) Progress() Progress {
	c.mu.Lock()
	defer c.mu.Unlock()

	return Progress{Epoch: c.epoch, Offset: c.offset, Queued: c.queuedBytes, Idle: !c.flushing, Ended: c.ended, Cause: c.cause}
}
