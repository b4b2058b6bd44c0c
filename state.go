package pull

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
)

// A stateImage is what a single node keeps over a planned restart: its log and
// the watches, which may be older than what the log still holds.
type stateImage struct {
	Log     broker.Image
	Watches []watchImage
	Lost    map[string]uint64 // up to where watches of a user are forgotten that have heard something
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
	live := make(map[watchKey]bool)
	for _, w := range img.Watches {
		key := watchKey{w.User, w.Tag}
		if !w.isPossible(end) || w.Until == 0 && live[key] {
			return errors.New("impossible watch")
		}
		live[key] = live[key] || w.Until == 0
	}
	for user, upTo := range img.Lost {
		if envelope.CheckIDs("user id", []string{user}) != nil || upTo > end {
			return errors.New("impossible loss of watches")
		}
	}
	return nil
}

// isPossible tells whether there can be such a watch in a log that ends before an offset.
func (w *watchImage) isPossible(end uint64) bool {
	return envelope.CheckIDs("user id", []string{w.User}) == nil && envelope.CheckIDs("tag", []string{w.Tag}) == nil &&
		w.Since < end && w.Until <= end && w.Expires >= 0
}

// restore goes on with what the last process has saved. What cannot be used is
// reported, and pages get a gap; a place that cannot be used at all is an error.
func (p *Plugin) restore() error {
	if p.config.StateFile == "" {
		return nil
	}
	state, content, unused, err := openStateFile(p.config.StateFile)
	if err != nil {
		return fmt.Errorf("pull: state file: %w", err)
	}
	p.state = state
	if content != nil {
		unused = errors.Join(unused, p.take(content))
	}
	if unused != nil {
		p.config.OnError(fmt.Errorf("pull: state file %s is not used, pages get a gap: %w", p.config.StateFile, unused))
	}
	return nil
}

// take goes on from a saved state.
func (p *Plugin) take(content []byte) error {
	img, err := decodeState(content)
	if err != nil {
		return err
	}
	return p.adopt(img)
}

func (p *Plugin) adopt(img *stateImage) error {
	if err := broker.Restore(p.memory, img.Log); err != nil {
		return err
	}
	now := time.Now().UnixNano()
	latest := now + int64(p.node.watches.ttl) // whatever the clock was when it was saved
	for _, w := range img.Watches {
		p.node.watches.restore(&watch{user: w.User, tag: w.Tag, since: w.Since, until: w.Until, expires: min(w.Expires, latest)}, now)
	}
	for user, upTo := range img.Lost {
		p.node.watches.ended.lose(user, upTo, now+int64(p.node.watches.keep))
	}
	return nil
}

// save writes the state file.
func (p *Plugin) save() error {
	err := p.state.save(func() ([]byte, error) {
		return encodeState(&stateImage{Log: broker.ImageOf(p.memory), Watches: p.node.watchImages(), Lost: p.node.lostImage()})
	})
	if err != nil {
		return fmt.Errorf("pull: save state: %w", err)
	}
	return nil
}

// renameLog begins another log when the plugin is alone on its state file
// again. Pages are told of a gap: what the others have sent is not in the log.
func (p *Plugin) renameLog(now time.Time) {
	if p.state != nil && p.state.aloneAgain() {
		p.config.OnError(fmt.Errorf("pull: no other process uses state file %s any more: this one begins another log", p.config.StateFile))
		broker.Renew(p.memory)
		p.publisher.Announce(envelope.Control(envelope.KindBeat, now)) // with which the node meets the new log
	}
}

func (n *node) lostImage() map[string]uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.watches.ended.losses()
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
