package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

// A stateImage is what a single node keeps over a planned restart: its log and
// the watches, which may be older than what the log still holds.
type stateImage struct {
	Log     broker.Image
	Watches []hub.WatchImage
	Lost    map[string]uint64 // up to where watches of a user are forgotten that have heard something
}

// A state file is stateMagic, the SHA-256 of what follows, and a stateImage as
// gob. The sum is checked first: gob never sees bytes that are not ours.
const stateMagic = "pull state 1\n"

var errState = errors.New("not a state file of this version")

func encodeState(img *stateImage) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(img); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b.Bytes())
	return append(append([]byte(stateMagic), sum[:]...), b.Bytes()...), nil
}

func decodeState(file []byte) (*stateImage, error) {
	rest, ok := bytes.CutPrefix(file, []byte(stateMagic))
	if !ok || len(rest) < sha256.Size {
		return nil, errState
	}
	content := rest[sha256.Size:]
	if sum := sha256.Sum256(content); !bytes.Equal(sum[:], rest[:sha256.Size]) {
		return nil, errors.New("damaged or half-written")
	}
	img := new(stateImage)
	if err := gob.NewDecoder(bytes.NewReader(content)).Decode(img); err != nil {
		return nil, err
	}
	if err := img.check(); err != nil {
		return nil, err
	}
	return img, nil
}

// check reports values that no plugin writes.
func (img *stateImage) check() error {
	if err := img.Log.Check(); err != nil {
		return err
	}
	end := img.Log.First + uint64(len(img.Log.Messages))
	return img.watchState().Check(end)
}

// watchState returns the part of the image that is the node's.
func (img *stateImage) watchState() hub.WatchState {
	return hub.WatchState{Watches: img.Watches, Lost: img.Lost}
}

// restore goes on with what the last process has saved. What cannot be used is
// reported, and pages get a gap; a place that cannot be used at all is an error.
func (e *Engine) restore() error {
	if e.config.StateFile == "" {
		return nil
	}
	state, content, unused, err := openStateFile(e.config.StateFile)
	if err != nil {
		return fmt.Errorf("pull: state file: %w", err)
	}
	e.state = state
	if content != nil {
		unused = errors.Join(unused, e.take(content))
	}
	if unused != nil {
		e.config.OnError(fmt.Errorf("pull: state file %s is not used, pages get a gap: %w", e.config.StateFile, unused))
	}
	return nil
}

// take goes on from a saved state.
func (e *Engine) take(content []byte) error {
	img, err := decodeState(content)
	if err != nil {
		return err
	}
	return e.adopt(img)
}

func (e *Engine) adopt(img *stateImage) error {
	if err := broker.Restore(e.memory, img.Log); err != nil {
		return err
	}
	e.hub.Restore(img.watchState(), time.Now())
	return nil
}

// save writes the state file.
func (e *Engine) save() error {
	err := e.state.save(func() ([]byte, error) {
		watches := e.hub.WatchState()
		return encodeState(&stateImage{broker.ImageOf(e.memory), watches.Watches, watches.Lost})
	})
	if err != nil {
		return fmt.Errorf("pull: save state: %w", err)
	}
	return nil
}

// renameLog begins another log when the plugin is alone on its state file
// again. Pages are told of a gap: what the others have sent is not in the log.
func (e *Engine) renameLog(now time.Time) {
	if e.state != nil && e.state.aloneAgain() {
		e.config.OnError(fmt.Errorf("pull: no other process uses state file %s any more: this one begins another log", e.config.StateFile))
		broker.Renew(e.memory)
		e.publisher.Announce(envelope.Control(envelope.KindBeat, now)) // with which the node meets the new log
	}
}
