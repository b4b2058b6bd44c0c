package conn

import (
	"bytes"
	"compress/flate"
	"sync"
)

const (
	deflateFrom  = 1 << 10         // smallest payload that is compressed: a smaller one hardly saves a packet
	deflateLevel = flate.BestSpeed // others save up to 14 % more and take up to six times as long, see BenchmarkDeflate
	keptScratch  = 256 << 10       // a larger buffer is not kept
)

// A Deflater compresses frames for the WebSockets that have negotiated
// permessage-deflate (RFC 7692) without context takeover. Then a frame is
// compressed on its own, and all of them can share the result. A node has one
// Deflater: its state takes 650 KB from the first frame on. The zero value is
// ready to use.
type Deflater struct {
	mu      sync.Mutex // guards what follows
	writer  *flate.Writer
	scratch bytes.Buffer
}

// Deflate compresses the form for connections that take that. It does nothing if a
// sealed frame has no such form, is small, or does not become smaller. No connection
// may have the frame yet.
func (d *Deflater) Deflate(f *Frame) {
	e := &f.forms[Deflated]
	if len(e.body)+2 < deflateFrom || e.whole {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()

	d.compress(e.raw[len(e.raw)-len(e.body)-2:])
	var header [maxFrameHeader]byte
	h := appendFrameHeader(header[:0], opText|rsvDeflated, d.scratch.Len())
	if len(h)+d.scratch.Len() < len(e.raw) {
		e.raw, e.whole = append(append(make([]byte, 0, len(h)+d.scratch.Len()), h...), d.scratch.Bytes()...), true
	}
	if d.scratch.Cap() > keptScratch {
		d.scratch = bytes.Buffer{}
	}
}

// compress compresses a message into scratch. The caller holds mu. Nothing can
// fail: the level is valid, and a buffer takes everything.
func (d *Deflater) compress(message []byte) {
	d.scratch.Reset()
	if d.writer == nil {
		d.writer, _ = flate.NewWriter(&d.scratch, deflateLevel)
	} else {
		d.writer.Reset(&d.scratch)
	}
	_, _ = d.writer.Write(message)
	_ = d.writer.Flush()
	d.scratch.Truncate(d.scratch.Len() - len(deflateTail))
}

// deflateTail is what Flush ends with. A message is sent without it, section
// 7.2.1.
const deflateTail = "\x00\x00\xff\xff"
