package conn

import (
	"encoding/binary"

	"github.com/echo-pull/pull/internal/protocol"
)

// A framing encloses messages in a form.
type framing interface {
	// AppendBegin and AppendEnd append what encloses a JSON array of length bytes.
	// epoch and last are the position in the log after the array; epoch is empty
	// if there is none.
	AppendBegin(b []byte, length int, epoch string, last uint64) []byte
	AppendEnd(b []byte) []byte

	// AppendPing appends a message that keeps the connection alive, and AppendTick
	// one with the position of the page.
	AppendPing(b []byte) []byte
	AppendTick(b []byte, epoch string, offset uint64) []byte

	// AppendClose appends the close message.
	AppendClose(b []byte, code int, reason string) []byte
}

// frames is the framing of WebSockets.
type frames struct{}

// AppendBegin appends the header of a text frame.
func (frames) AppendBegin(b []byte, length int, _ string, _ uint64) []byte {
	return appendFrameHeader(b, opText, length)
}

// AppendEnd appends nothing: the header contains the length.
func (frames) AppendEnd(b []byte) []byte { return b }

// AppendPing appends a ping frame.
func (frames) AppendPing(b []byte) []byte { return appendControlFrame(b, opPing, "") }

// AppendTick appends a frame with a tick.
func (f frames) AppendTick(b []byte, epoch string, offset uint64) []byte {
	return appendTick(b, f, epoch, offset)
}

// AppendClose appends a close frame.
func (frames) AppendClose(b []byte, code int, reason string) []byte {
	var status [2]byte
	binary.BigEndian.PutUint16(status[:], uint16(code)) //nolint:gosec // a close code
	return appendControlFrame(b, opClose, string(status[:])+reason)
}

// appendTick appends a tick as the only message.
func appendTick(b []byte, f framing, epoch string, offset uint64) []byte {
	body := protocol.Tick(epoch, offset)
	b = f.AppendBegin(b, len(body)+2, epoch, offset)
	return f.AppendEnd(append(append(append(b, '['), body...), ']'))
}
