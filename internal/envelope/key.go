package envelope

import "encoding/binary"

// A Key names an event that another service has published, so that every node drops
// the event if the service publishes it again.
type Key struct {
	Request RequestKey
	Line    uint16 // index of the event among those of the request
	Content ContentHash
}

// A RequestKey is a hash of who has made a request, and of the name that it has.
type RequestKey = [14]byte

// A ContentHash is a hash of what a request publishes.
type ContentHash = [16]byte

const (
	lineAt    = len(RequestKey{})
	contentAt = lineAt + 2
	keyBytes  = contentAt + len(ContentHash{})
)

// WithKey returns a copy of the envelope of an event with a key. The envelope must
// have none.
func WithKey(raw []byte, k *Key) []byte {
	at := HeaderBytes + namesBytes(raw)
	b := make([]byte, 0, len(raw)+keyBytes)
	b = append(b, raw[:at]...)
	b = append(b, k.Request[:]...)
	b = binary.BigEndian.AppendUint16(b, k.Line)
	b = append(b, k.Content[:]...)
	b[flagsAt] |= keyedFlag
	return append(b, raw[at:]...)
}

// ParseKey returns a key from [Envelope].Key.
func ParseKey(encoded []byte) (k Key) {
	copy(k.Request[:], encoded)
	k.Line = binary.BigEndian.Uint16(encoded[lineAt:])
	copy(k.Content[:], encoded[contentAt:])
	return k
}

func hasKey(raw []byte) bool { return raw[flagsAt]&keyedFlag != 0 }

// namesBytes returns the size of the series and the key of a valid envelope.
func namesBytes(raw []byte) (n int) {
	if HasSeries(raw) {
		n += SeriesBytes
	}
	if hasKey(raw) {
		n += keyBytes
	}
	return n
}
