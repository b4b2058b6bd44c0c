package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
)

// openState opens the state file and continues with what the last process has
// saved. If that cannot be used, openState reports it and pages get a gap. It
// returns an error if no state could be saved there either.
func (e *Engine) openState() error {
	if e.config.StateFile == "" {
		return nil
	}
	state, content, unused, err := openStateFile(e.config.StateFile)
	if err != nil {
		return fmt.Errorf("pull: state file: %w", err)
	}
	e.state = state
	if content != nil {
		unused = errors.Join(unused, e.loadState(content))
	}
	if unused != nil {
		e.config.OnError(fmt.Errorf("pull: state file %s is not used, pages get a gap: %w", e.config.StateFile, unused))
	}
	return nil
}

// loadState continues with the content of a state file.
func (e *Engine) loadState(content []byte) error {
	img, err := decodeState(content)
	if err != nil {
		return err
	}
	return e.restore(img)
}

// restore continues with a saved log, saved watches and a saved secret.
func (e *Engine) restore(img *stateImage) error {
	if err := broker.Restore(e.memory, img.Log); err != nil {
		return err
	}
	e.hub.Restore(img.watchState(), time.Now())
	e.secret = img.Secret
	return nil
}

// saveState writes the state file.
func (e *Engine) saveState() error {
	err := e.state.save(func() ([]byte, error) {
		watches := e.hub.WatchState()
		return encodeState(&stateImage{broker.TakeSnapshot(e.memory), watches.Watches, watches.Lost, e.secret})
	})
	if err != nil {
		return fmt.Errorf("pull: save state: %w", err)
	}
	return nil
}

// renewLog begins another log once no other process uses the state file any
// more. Pages get a gap: the messages of the other processes are not in this log.
func (e *Engine) renewLog(now time.Time) {
	if e.state != nil && e.state.reclaim() {
		e.config.OnError(fmt.Errorf("pull: no other process uses state file %s any more: this one begins another log", e.config.StateFile))
		broker.Renew(e.memory)
		e.publisher.Announce(envelope.Control(envelope.KindBeat, now)) // the first message of the new log, by which the hub notices it
	}
}
