package load

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"
)

// compressed is the bit of a frame's first byte that marks its payload as
// compressed (RFC 7692).
const compressed = 0x40

// An inflater unpacks payloads that are compressed each by itself. All connections
// share one, because they receive the same payloads.
type inflater struct {
	mu     sync.Mutex // guards what follows
	packed []byte     // the last payload
	text   []byte     // its content, which is never changed
}

// newDeflated returns a constructor of decoders for one client.
func newDeflated() func() decoder {
	shared := &inflater{}
	return func() decoder { return (&frames{inflate: shared.inflate}).feed }
}

// inflate returns the content of a payload.
func (i *inflater) inflate(payload []byte) ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()

	if bytes.Equal(payload, i.packed) {
		return i.text, nil
	}
	const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff" // what the sender leaves out, and an empty last block
	text, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), bytes.NewReader([]byte(tail)))))
	if err != nil {
		return nil, fmt.Errorf("inflate: %w", err)
	}
	i.packed, i.text = bytes.Clone(payload), text
	return text, nil
}
