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
	"strings"
	"sync"

	"github.com/echo-pull/pull/internal/envelope"
)

// A stateFile is where a single node keeps its log over a planned restart. A
// log may go on only from what was saved last, and only if no other process has
// lived on the file since: messages that the other has sent are not in it.
//
// Two files lie beside it. Every plugin holds a shared lock on <file>.live for
// as long as it lives. <file>.lock is locked while a plugin looks at the files
// or changes them. It records either which plugin was the last to open the
// file, or the sum of what that plugin has saved.
type stateFile struct {
	path string
	name string // of this plugin, in the record

	mu    sync.Mutex // guards what follows
	live  *os.File   // locked; nil once the file is given up
	alone bool       // no other has lived on the file since the log was named
}

const (
	temporary = ".tmp"    // ends the name of a file that is not yet whole …
	foreign   = ".unused" // … and of one that was in place of the state file
)

var (
	errShared = errors.New("another process uses it: its messages are not in this log")
	errStale  = errors.New("it is not what was saved last")
)

// openStateFile takes the state file for this plugin and returns what it held,
// or nil. The file itself is removed: after a crash there must be none. What is no
// state file may be somebody's, and is moved out of the way. unused
// says why the log cannot go on, or cannot be saved as long as that is so.
func openStateFile(path string) (s *stateFile, content []byte, unused, err error) {
	path, err = filepath.Abs(path)
	if err == nil {
		err = checkPlace(path)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	s = &stateFile{path: path, name: envelope.NewID()}
	err = s.guard(true, func(record *os.File) error {
		content, unused, err = s.take(record)
		return err
	})
	if err != nil {
		s.close()
		return nil, nil, nil, err
	}
	return s, content, unused, nil
}

// checkPlace reports why a state file cannot be there. A link is refused as well:
// another name for the file would have another lock.
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

// take reads the file and makes it this plugin's. The record changes first:
// whatever happens afterwards, nobody takes the file for what was saved last.
func (s *stateFile) take(record *os.File) (content []byte, unused, err error) {
	if err := s.tryOut(); err != nil {
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
	if err := writeRecord(record, s.opened()); err != nil {
		return nil, nil, err
	}
	if s.alone, err = s.enter(); err != nil {
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
	unused, err = s.clear(content, unused)
	return nil, unused, err
}

// clear takes a file out of the way that is not used, and adds to the reason where
// it is now.
func (s *stateFile) clear(content []byte, unused error) (error, error) {
	if bytes.HasPrefix(content, []byte(stateMagic)) {
		return unused, os.Remove(s.path)
	}
	aside := s.path + foreign
	return fmt.Errorf("%w; it is no state file of this version, and is kept as %s", unused, aside), os.Rename(s.path, aside)
}

// tryOut writes a file as save will, and clears away what a crash has left of
// earlier ones.
func (s *stateFile) tryOut() error {
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

// save writes the file, whole or not at all, and only if the log is all that
// was sent by those who have lived on it. In the same step it gives the file up,
// so that a process that starts at this moment is alone.
func (s *stateFile) save(encode func() ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.guard(true, func(record *os.File) error {
		defer s.leave()
		last, err := readRecord(record)
		if err != nil || !s.alone || last != s.opened() {
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

// aloneAgain tells whether others have lived on the file, but do no longer. The
// log then needs another name, under which it may be saved.
func (s *stateFile) aloneAgain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	again := false
	_ = s.guard(false, func(record *os.File) error { // what fails here is an error of save
		last, err := readRecord(record)
		if err != nil || s.live == nil || s.alone && last == s.opened() {
			return err
		}
		if s.alone, err = s.enter(); err != nil || !s.alone {
			return err
		}
		again = true
		return writeRecord(record, s.opened())
	})
	return again
}

// close gives the file up without saving.
func (s *stateFile) close() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.leave()
}

// guard calls f while nobody else looks at the files, or not at all if that
// would mean to wait and it should not.
func (s *stateFile) guard(wait bool, f func(record *os.File) error) error {
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

// enter takes a place among those who live on the file, and tells whether there
// is nobody else. The caller guards it: for a moment the place is free.
func (s *stateFile) enter() (alone bool, err error) {
	s.leave()
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

func (s *stateFile) leave() {
	if s.live != nil {
		unlockFile(s.live)
		_ = s.live.Close()
		s.live = nil
	}
}

// opened is the record while this plugin was the last to open the file.
func (s *stateFile) opened() string { return "open " + s.name }

// savedRecord is the record while the file holds this.
func savedRecord(content []byte) string {
	sum := sha256.Sum256(content)
	return "saved " + hex.EncodeToString(sum[:])
}

func readRecord(record *os.File) (string, error) {
	text, err := io.ReadAll(io.NewSectionReader(record, 0, 1024))
	return string(text), err
}

func writeRecord(record *os.File, text string) error {
	if err := record.Truncate(0); err != nil {
		return err
	}
	if _, err := record.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	return record.Sync()
}

// writeFile replaces a file in one step, after the new one has reached the disk.
func writeFile(path string, content []byte) (err error) {
	f, err := createTemp(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func createTemp(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+temporary)
}

// isTempOf tells whether a name is one that createTemp gives: digits are all that
// os.CreateTemp puts between. A longer name may be another plugin's.
func isTempOf(path, name string) bool {
	digits, ours := strings.CutPrefix(name, filepath.Base(path)+".")
	digits, ends := strings.CutSuffix(digits, temporary)
	return ours && ends && digits != "" && strings.Trim(digits, "0123456789") == ""
}
