package pull

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A stateImage is what a single node keeps over a planned restart: its log and
// the watches, which may be older than what the log still holds.
type stateImage struct {
	Log     logImage
	Watches []watchImage
}

type watchImage struct {
	User, Tag    string
	Since, Until uint64
	Expires      int64
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
	return img, nil
}

// restore goes on with what the last process has saved. The file is removed
// first: after a crash there must be none, because a log that is taken up at an
// old position would give new messages the offsets of lost ones.
func (p *Plugin) restore() {
	path := p.config.StateFile
	if path == "" {
		return
	}
	file, err := os.ReadFile(path) //nolint:gosec // the application's own configuration
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err == nil {
		err = p.take(file)
	}
	if err != nil {
		p.config.OnError(fmt.Errorf("pull: state file %s is not used, pages get a gap: %w", path, err))
	}
}

func (p *Plugin) take(file []byte) error {
	img, err := decodeState(file)
	if err != nil {
		return err
	}
	if err := p.memory.restore(img.Log); err != nil {
		return err
	}
	now := time.Now().UnixNano()
	for _, w := range img.Watches {
		p.node.watches.restore(&watch{user: w.User, tag: w.Tag, since: w.Since, until: w.Until, expires: w.Expires}, now)
	}
	return nil
}

// save writes the state file: whole or not at all.
func (p *Plugin) save() error {
	path := p.config.StateFile
	if path == "" {
		return nil
	}
	img := &stateImage{Log: p.memory.image(), Watches: p.node.watchImages()}
	content, err := encodeState(img)
	if err == nil {
		err = writeFile(path, content)
	}
	if err != nil {
		return fmt.Errorf("pull: save state: %w", err)
	}
	return nil
}

func (n *node) watchImages() []watchImage {
	n.mu.Lock()
	defer n.mu.Unlock()

	var images []watchImage
	for _, w := range n.watches.everything() {
		images = append(images, watchImage{w.user, w.tag, w.since, w.until, w.expires})
	}
	return images
}

// writeFile replaces a file in one step, after the new one has reached the disk.
func writeFile(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
