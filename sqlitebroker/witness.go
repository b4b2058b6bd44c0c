package sqlitebroker

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
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
// ahead of it. It is written after each commit and never synced, so it survives
// the process but may fall behind the database; it never gets ahead of it.
type witness struct {
	path string
	mode os.FileMode
}

const (
	witnessFormat = "pull witness 1 %s %016x %016x"
	witnessBytes  = len("pull witness 1 ") + epochBytes + 2*17 + 10 // with the checksum
)

// record returns the content of the file.
func record(p position) string {
	s := fmt.Sprintf(witnessFormat, p.epoch, p.offset, p.at)
	return s + fmt.Sprintf(" %08x\n", crc32.ChecksumIEEE([]byte(s)))
}

// parse is the opposite of record.
func parse(content string) (position, error) {
	var p position
	if len(content) == witnessBytes {
		_, err := fmt.Sscanf(content[:witnessBytes-10], witnessFormat, &p.epoch, &p.offset, &p.at)
		if err == nil && p.offset >= 0 && p.at >= 0 && isEpoch(p.epoch) && record(p) == content {
			return p, nil
		}
	}
	return position{}, errors.New("the file is damaged")
}

// read returns the position, or os.ErrNotExist.
func (w *witness) read() (position, error) {
	var p position
	f, err := os.Open(w.path)
	if err != nil {
		return p, err
	}
	defer f.Close()
	content := make([]byte, witnessBytes+1)
	for range 3 { // another process may be writing
		var n int
		if n, err = f.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
			return p, err
		}
		if p, err = parse(strings.Clone(string(content[:n]))); err == nil {
			return p, nil
		}
	}
	return p, err
}

// write replaces the position.
func (w *witness) write(p position) error {
	f, err := os.OpenFile(w.path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return w.create(p)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(record(p)), 0)
	return errors.Join(err, f.Close())
}

// create writes a file with the position to the disk.
func (w *witness) create(p position) error {
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, w.mode)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(record(p)), 0)
	return errors.Join(err, f.Sync(), f.Close())
}
