package broker

import (
	"errors"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// A Snapshot is the content of a log, as stored in the state file.
type Snapshot struct {
	Epoch    string
	First    uint64
	Times    []int64
	Messages [][]byte
}

// TakeSnapshot returns the content of the log.
func TakeSnapshot(m *Memory) Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.ensureEpoch()
	snapshot := Snapshot{Epoch: m.epoch, First: m.first()}
	for offset, i := m.first(), 0; offset < m.next; offset++ {
		for i+1 < m.moments.Len() && m.moments.At(i+1).first <= offset {
			i++
		}
		snapshot.Times = append(snapshot.Times, m.moments.At(i).at)
		snapshot.Messages = append(snapshot.Messages, m.message(offset))
	}
	return snapshot
}

// Check returns an error if the snapshot has values that no Memory writes.
func (s *Snapshot) Check() error {
	count := uint64(len(s.Messages))
	switch {
	case envelope.CheckIDs("epoch", []string{s.Epoch}) != nil, s.First == 0, s.First > envelope.MaxOffset, s.First+count > envelope.MaxOffset:
		return errors.New("impossible position")
	case len(s.Times) != len(s.Messages):
		return errors.New("incomplete log")
	case slices.ContainsFunc(s.Times, func(at int64) bool { return at < 0 }):
		return errors.New("impossible time")
	}
	return nil
}

// Restore continues the log of a snapshot in an unused Memory.
func Restore(m *Memory, snapshot Snapshot) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	if err := snapshot.Check(); err != nil {
		return err
	}
	m.epoch, m.next = snapshot.Epoch, snapshot.First
	for i, message := range snapshot.Messages {
		if len(message) == 0 {
			message = nil // as it was before
		}
		m.push(snapshot.Times[i], message)
	}
	m.trim(time.Now().UnixNano(), len(snapshot.Messages))
	return nil
}
