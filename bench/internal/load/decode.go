package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
)

// errClosed ends a connection that the server has closed.
var errClosed = errors.New("the server closed the connection")

// A decoder takes the bytes read from a connection and calls handle with each
// complete text. It keeps the rest for the next call.
type decoder func(data []byte, handle func(opcode byte, text []byte)) error

func newFrames() decoder { return new(frames).feed }

func newEvents() decoder { return new(events).feed }

func newChunkedEvents() decoder { return new(chunkedEvents).feed }

const (
	opContinuation = 0x0
	opText         = 0x1
	opClose        = 0x8
	opPing         = 0x9
)

// frames decodes the WebSocket frames of a server, which are not masked.
type frames struct {
	rest    []byte
	inflate func(payload []byte) ([]byte, error) // nil if no frame may be compressed
}

func (f *frames) feed(data []byte, handle func(byte, []byte)) error {
	if len(f.rest) > 0 {
		f.rest = append(f.rest, data...)
		data = f.rest
	}
	for {
		head, size := frameSize(data)
		if head == 0 || len(data) < head+size {
			break
		}
		opcode := data[0] & 0x0f
		if opcode == opClose {
			return errClosed
		}
		payload, err := f.payload(data[:head+size], head)
		if err != nil {
			return err
		}
		handle(opcode, payload)
		data = data[head+size:]
	}
	f.rest = append(f.rest[:0], data...)
	return nil
}

// payload returns the content of a whole frame.
func (f *frames) payload(frame []byte, head int) ([]byte, error) {
	switch {
	case frame[0]&compressed == 0:
		return frame[head:], nil
	case f.inflate == nil:
		return nil, errors.New("a compressed frame, which was not asked for")
	default:
		return f.inflate(frame[head:])
	}
}

// frameSize returns the sizes of the first frame's header and payload. The
// header's is 0 while it is incomplete.
func frameSize(data []byte) (head, size int) {
	if len(data) < 2 {
		return 0, 0
	}
	switch length := int(data[1] & 0x7f); {
	case length < 126:
		return 2, length
	case length == 126 && len(data) >= 4:
		return 4, int(binary.BigEndian.Uint16(data[2:]))
	case length == 127 && len(data) >= 10:
		return 10, int(binary.BigEndian.Uint64(data[2:])) //nolint:gosec // far below 2^63
	default:
		return 0, 0
	}
}

// maskedFrame returns a short client frame with a mask of zeros.
func maskedFrame(opcode byte, text string) []byte {
	frame := []byte{0x80 | opcode}
	if len(text) < 126 {
		frame = append(frame, 0x80|byte(len(text))) //nolint:gosec // below 126
	} else {
		frame = append(frame, 0x80|126)
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(text))) //nolint:gosec // a greeting
	}
	frame = append(frame, 0, 0, 0, 0)
	return append(frame, text...)
}

// events decodes a response of Server-Sent Events that ends with its connection.
type events struct {
	text []byte // the last event, incomplete
}

func (e *events) feed(data []byte, handle func(byte, []byte)) error {
	e.text = append(e.text, data...)
	if end := bytes.LastIndex(e.text, []byte("\n\n")); end >= 0 {
		handle(opText, e.text[:end])
		e.text = append(e.text[:0], e.text[end+2:]...)
	}
	return nil
}

// chunkedEvents decodes a chunked response of Server-Sent Events.
type chunkedEvents struct {
	events
	line []byte // a chunk's size line, incomplete
	left int    // bytes left in the current chunk, with its line end
}

func (e *chunkedEvents) feed(data []byte, handle func(byte, []byte)) error {
	for len(data) > 0 {
		if e.left > 0 {
			n := min(e.left, len(data))
			e.take(data[:n])
			data = data[n:]
			continue
		}
		line, after, whole := bytes.Cut(data, []byte("\n"))
		e.line = append(e.line, line...)
		if !whole {
			break
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(e.line)), 16, 31)
		if err != nil || size == 0 {
			return errClosed
		}
		e.left, e.line, data = int(size)+2, e.line[:0], after
	}
	return e.events.feed(nil, handle)
}

// take consumes the current chunk, whose last two bytes are not text.
func (e *chunkedEvents) take(part []byte) {
	text := min(len(part), max(e.left-2, 0))
	e.text = append(e.text, part[:text]...)
	e.left -= len(part)
}
