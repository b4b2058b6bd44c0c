package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/echo-pull/pull/internal/envelope"
)

// A stateFile is where a single node keeps its log over a planned restart. A log
// may continue only from what was saved last, and only if no other process has
// used the file since: the messages of that process are not in it.
//
// Two files are kept beside it. Every plugin holds a shared lock on <file>.live
// for as long as it runs. A plugin locks <file>.lock while it reads or changes
// the files. That file records either which plugin was the last to open the
// state file, or the sum of what that plugin has saved.
type stateFile struct {
	path string
	name string // of this plugin, in the record

	mu    sync.Mutex // guards live and alone
	live  *os.File   // <file>.live, locked; nil once the state file is released
	alone bool       // no other plugin has used the file since this log began
}

const unusedSuffix = ".unused" // of a file that was found in place of the state file

var (
	errShared = errors.New("another process uses it: its messages are not in this log")
	errStale  = errors.New("it is not what was saved last")
)

// openStateFile opens the state file for this plugin and returns its content, or
// nil. The file itself is removed: after a crash there must be none. A file that
// is not a state file may be valuable and is renamed. unused is why the content
// cannot be used, or why no state can be saved while that lasts.
func openStateFile(path string) (s *stateFile, content []byte, unused, err error) {
	path, err = filepath.Abs(path)
	if err == nil {
		err = checkPlace(path)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	s = &stateFile{path: path, name: envelope.NewID()}
	err = s.withRecord(true, func(record *os.File) error {
		content, unused, err = s.claim(record)
		return err
	})
	if err != nil {
		s.close()
		return nil, nil, nil, err
	}
	return s, content, unused, nil
}

// checkPlace returns an error if a state file cannot be at the path. It refuses
// links as well: another name for the file would have another lock.
func checkPlace(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// claim reads the file and makes it this plugin's. It changes the record first:
// whatever happens afterwards, no plugin can mistake the file for what was saved
// last.
func (s *stateFile) claim(record *os.File) (content []byte, unused, err error) {
	if err := s.checkWritable(); err != nil {
		return nil, nil, err
	}
	content, err = os.ReadFile(s.path)
	saved := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	last, err := readRecord(record)
	if err != nil {
		return nil, nil, err
	}
	if err := writeRecord(record, s.openedRecord()); err != nil {
		return nil, nil, err
	}
	if s.alone, err = s.lockLive(); err != nil {
		return nil, nil, err
	}
	if !s.alone {
		unused = errShared
	}
	if !saved {
		return nil, unused, nil
	}
	if last != savedRecord(content) {
		unused = errors.Join(errStale, unused)
	}
	if unused == nil {
		return content, nil, os.Remove(s.path)
	}
	unused, err = s.setAside(content, unused)
	return nil, unused, err
}

// setAside removes or renames a file that is not used. It returns the reason,
// with the new name.
func (s *stateFile) setAside(content []byte, unused error) (error, error) {
	if bytes.HasPrefix(content, []byte(stateMagic)) {
		return unused, os.Remove(s.path)
	}
	aside := s.path + unusedSuffix
	return fmt.Errorf("%w; it is no state file of this version, and is kept as %s", unused, aside), os.Rename(s.path, aside)
}

// checkWritable writes a file as save will, and removes temporary files that a
// crash has left.
func (s *stateFile) checkWritable() error {
	entries, err := os.ReadDir(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if isTempOf(s.path, e.Name()) {
			_ = os.Remove(filepath.Join(filepath.Dir(s.path), e.Name()))
		}
	}
	f, err := createTemp(s.path)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// save writes the file, completely or not at all, and only if no other plugin has
// used it. In the same step it releases the file, so that a process that starts
// at this moment finds no other user.
func (s *stateFile) save(encode func() ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.withRecord(true, func(record *os.File) error {
		defer s.unlockLive()
		last, err := readRecord(record)
		if err != nil || !s.alone || last != s.openedRecord() {
			return err
		}
		content, err := encode()
		if err != nil {
			return err
		}
		if err := writeFile(s.path, content); err != nil {
			return err
		}
		return writeRecord(record, savedRecord(content))
	})
}

// reclaim makes the file this plugin's again if others have used it and no longer
// do, and reports whether it has. The caller must then begin another log, which
// may be saved.
func (s *stateFile) reclaim() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	reclaimed := false
	_ = s.withRecord(false, func(record *os.File) error { // save returns the error
		last, err := readRecord(record)
		if err != nil || s.live == nil || s.alone && last == s.openedRecord() {
			return err
		}
		if s.alone, err = s.lockLive(); err != nil || !s.alone {
			return err
		}
		reclaimed = true
		return writeRecord(record, s.openedRecord())
	})
	return reclaimed
}

// close releases the file without saving.
func (s *stateFile) close() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.unlockLive()
}

// withRecord calls f with <file>.lock while no other plugin uses the files. If
// wait is false and another one does, it returns without calling f.
func (s *stateFile) withRecord(wait bool, f func(record *os.File) error) error {
	record, err := os.OpenFile(s.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer record.Close() //nolint:errcheck // writeRecord has synced it
	if ok, err := lockFile(record, true, wait); !ok {
		return err
	}
	defer unlockFile(record)
	return f(record)
}

// lockLive takes the shared lock on <file>.live, and reports whether no other
// plugin holds it. The caller is inside withRecord: in between, this plugin does
// not hold the lock for a moment.
func (s *stateFile) lockLive() (alone bool, err error) {
	s.unlockLive()
	s.live, err = os.OpenFile(s.path+".live", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	alone, err = lockFile(s.live, true, false)
	if alone {
		unlockFile(s.live)
	}
	if err == nil {
		_, err = lockFile(s.live, false, true)
	}
	return alone, err
}

// unlockLive releases <file>.live.
func (s *stateFile) unlockLive() {
	if s.live != nil {
		unlockFile(s.live)
		_ = s.live.Close()
		s.live = nil
	}
}

// openedRecord is the record if this plugin was the last to open the file.
func (s *stateFile) openedRecord() string { return "open " + s.name }

// savedRecord is the record if the file holds the content.
func savedRecord(content []byte) string {
	sum := sha256.Sum256(content)
	return "saved " + hex.EncodeToString(sum[:])
}

// readRecord reads <file>.lock.
func readRecord(record *os.File) (string, error) {
	text, err := io.ReadAll(io.NewSectionReader(record, 0, 1024))
	return string(text), err
}

// writeRecord replaces the content of <file>.lock.
func writeRecord(record *os.File, text string) error {
	if err := record.Truncate(0); err != nil {
		return err
	}
	if _, err := record.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	return record.Sync()
}
