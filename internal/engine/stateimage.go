package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/hub"
)

// A stateImage is what a single node keeps over a planned restart: its log, the
// watches, which may be older than what the log still holds, and the secret of its
// grants.
type stateImage struct {
	Log     broker.Snapshot
	Watches []hub.WatchImage
	Lost    map[string]uint64 // as in hub.WatchState
	Secret  []byte            // empty in the files of earlier versions
}

// stateMagic begins a state file. Then follow the SHA-256 of the rest and a
// stateImage as gob. The sum is checked first, so that gob never decodes bytes
// that no plugin has written.
const stateMagic = "pull state 1\n"

var errState = errors.New("not a state file of this version")

// encodeState returns the content of a state file.
func encodeState(img *stateImage) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(img); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b.Bytes())
	return append(append([]byte(stateMagic), sum[:]...), b.Bytes()...), nil
}

// decodeState returns the image in a state file, or an error for a file that no
// plugin has written.
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

// check returns an error for values that no plugin writes.
func (img *stateImage) check() error {
	if err := img.Log.Check(); err != nil {
		return err
	}
	if n := len(img.Secret); n > 0 && n < grant.MinSecret {
		return errors.New("impossible secret")
	}
	end := img.Log.First + uint64(len(img.Log.Messages))
	return img.watchState().Check(end)
}

// watchState returns the part of the image that is the hub's.
func (img *stateImage) watchState() hub.WatchState {
	return hub.WatchState{Watches: img.Watches, Lost: img.Lost}
}
