package sqlitebroker

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"sync"
)

// A position is a place in the log: the last message that was seen, and when it
// was published. Two histories of a log that share an offset do not share the
// nanosecond.
type position struct {
	epoch  string
	offset int64
	at     int64
}

// A witness is a small file beside the database that has the position of the
// last message. If the database is replaced with an older copy, the witness is
// ahead of it. It is written after each commit, so it may fall behind the
// database when the process dies, but never gets ahead of it.
type witness struct {
	path string
	mode os.FileMode

	mu   sync.Mutex // guards file
	file *os.File   // nil until it is used
}

// The file has this line, the epoch, the offset, the time, and a checksum.
const (
	witnessFormat = "pull witness 1\n"
	witnessBytes  = len(witnessFormat) + epochBytes + 8 + 8 + 4
)

// record returns the content of the file.
func record(p position) []byte {
	b := make([]byte, 0, witnessBytes)
	b = append(b, witnessFormat...)
	b = append(b, p.epoch...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.offset)) //nolint:gosec // parse has the opposite
	b = binary.BigEndian.AppendUint64(b, uint64(p.at))     //nolint:gosec // likewise
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// parse is the opposite of record.
func parse(b []byte) (position, error) {
	if len(b) != witnessBytes || string(b[:len(witnessFormat)]) != witnessFormat {
		return position{}, errors.New("it is not a witness")
	}
	body, sum := b[:witnessBytes-4], b[witnessBytes-4:]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(sum) {
		return position{}, errors.New("it is damaged")
	}
	body = body[len(witnessFormat):]
	p := position{
		epoch:  string(body[:epochBytes]),
		offset: int64(binary.BigEndian.Uint64(body[epochBytes:])),   //nolint:gosec // checked below
		at:     int64(binary.BigEndian.Uint64(body[epochBytes+8:])), //nolint:gosec // record has the opposite
	}
	if !isEpoch(p.epoch) || p.offset < 0 || p.offset > maxOffset {
		return position{}, errors.New("it has an impossible position")
	}
	return p, nil
}

// reopen has the next use open the file by its name again: it may have been
// replaced.
func (w *witness) reopen() {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.close()
}

func (w *witness) close() {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
}

// read returns the position. The error is os.ErrNotExist if there is no file.
func (w *witness) read() (p position, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.file == nil {
		if w.file, err = os.OpenFile(w.path, os.O_RDWR, 0); err != nil {
			w.file = nil
			return p, err
		}
	}
	content := make([]byte, witnessBytes+1)
	for range 3 { // another process may be writing
		var n int
		if n, err = w.file.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
			break
		}
		if p, err = parse(content[:n]); err == nil {
			return p, nil
		}
	}
	w.close()
	return p, err
}

// write replaces the position of a file that was read before.
func (w *witness) write(p position) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.file == nil {
		return w.create(p)
	}
	_, err := w.file.WriteAt(record(p), 0)
	return err
}

// renew writes a file with the position to the disk.
func (w *witness) renew(p position) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.close()
	return w.create(p)
}

func (w *witness) create(p position) (err error) {
	if w.file, err = os.OpenFile(w.path, os.O_RDWR|os.O_CREATE, w.mode); err != nil {
		w.file = nil
		return err
	}
	if _, err = w.file.WriteAt(record(p), 0); err == nil {
		err = w.file.Truncate(int64(witnessBytes))
	}
	if err == nil {
		err = w.file.Sync()
	}
	return err
}
