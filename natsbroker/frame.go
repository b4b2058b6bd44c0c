package natsbroker

import (
	"encoding/binary"
	"errors"
)

// A frame is what one message of the stream holds: any number of messages of the
// log. It begins with
//
//	format      1 byte
//	generation  8 bytes
//	id          8 bytes
//	previous    8 bytes
//	first       uvarint
//	count       uvarint
//
// Then follow the sizes of the messages, as uvarints, and the messages.
type frame struct {
	generation uint64 // of the log; another one is another epoch
	id         uint64 // random, tells the frame from any other
	previous   uint64 // the id of the frame before it in the stream
	first      uint64 // offset of the first message, or of the next one if there is none
	messages   [][]byte
}

// What a frame adds to its messages at most, including the header with which it is
// published.
const (
	frameBytes   = 1 + 3*8 + 2*binary.MaxVarintLen64 + 128
	messageBytes = binary.MaxVarintLen32
)

const (
	frameFormat = 1
	maxOffset   = 1<<53 - 1 // browsers count exactly up to here
)

var errForeign = errors.New("it was not published by this package")

// encode is the opposite of decode.
func (f *frame) encode() []byte {
	size := frameBytes
	for _, m := range f.messages {
		size += messageBytes + len(m)
	}
	b := append(make([]byte, 0, size), frameFormat)
	b = binary.BigEndian.AppendUint64(b, f.generation)
	b = binary.BigEndian.AppendUint64(b, f.id)
	b = binary.BigEndian.AppendUint64(b, f.previous)
	b = binary.AppendUvarint(b, f.first)
	b = binary.AppendUvarint(b, uint64(len(f.messages)))
	for _, m := range f.messages {
		b = binary.AppendUvarint(b, uint64(len(m)))
	}
	for _, m := range f.messages {
		b = append(b, m...)
	}
	return b
}

// decode returns the frame in the data of a message. The messages are parts of
// the data.
func decode(data []byte) (*frame, error) {
	const fixed = 1 + 3*8
	if len(data) < fixed || data[0] != frameFormat {
		return nil, errForeign
	}
	f := &frame{
		generation: binary.BigEndian.Uint64(data[1:]),
		id:         binary.BigEndian.Uint64(data[9:]),
		previous:   binary.BigEndian.Uint64(data[17:]),
	}
	rest := uvarints{data[fixed:], nil}
	f.first = rest.next(maxOffset)
	count := rest.next(uint64(len(rest.data))) // each has a size of at least a byte
	if rest.err != nil || f.first == 0 || f.id == 0 || f.generation == 0 || f.first+count > maxOffset {
		return nil, errForeign
	}
	return f, f.cut(&rest, count)
}

// cut finds the messages of a frame.
func (f *frame) cut(rest *uvarints, count uint64) error {
	sizes := make([]uint64, count)
	total := uint64(0)
	for i := range sizes {
		sizes[i] = rest.next(uint64(len(rest.data)))
		total += sizes[i]
	}
	if rest.err != nil || total != uint64(len(rest.data)) {
		return errForeign
	}
	f.messages = make([][]byte, count)
	for i, size := range sizes {
		f.messages[i] = rest.data[:size:size]
		rest.data = rest.data[size:]
	}
	return nil
}

// next returns the offset of the message after those of the frame.
func (f *frame) next() uint64 { return f.first + uint64(len(f.messages)) }

// uvarints reads numbers until there is an error.
type uvarints struct {
	data []byte
	err  error
}

// next returns a number, and sets the error if it is above a limit.
func (u *uvarints) next(limit uint64) uint64 {
	n, size := binary.Uvarint(u.data)
	if size <= 0 || n > limit {
		u.err = errForeign
		return 0
	}
	u.data = u.data[size:]
	return n
}
