package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// A fileStore keeps the list of a single node in its memory. If it has a path, the
// file there contains every change before it is published, so what a page has seen
// is still there after a crash.
type fileStore struct {
	path string

	mu   sync.Mutex // guards list
	list list
}

// openFile reads the file of tasks beside the state file, if there is one. A file
// that cannot be read is an error, because the next change would overwrite it.
func openFile(stateFile string) (*fileStore, error) {
	s := &fileStore{path: beside(stateFile, ".tasks.json")}
	if s.path == "" {
		return s, nil
	}
	content, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&s.list)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.path, err)
	}
	return s, nil
}

// all returns the current list. Its map is never modified: a change replaces it.
func (s *fileStore) all(context.Context) (list, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list, nil
}

func (s *fileStore) add(_ context.Context, t task, announce announcer) error {
	return s.change(adding(t), announce)
}

func (s *fileStore) update(_ context.Context, t task, announce announcer) error {
	return s.change(updating(t), announce)
}

func (s *fileStore) remove(_ context.Context, id string, announce announcer) error {
	return s.change(removing(id), announce)
}

func (s *fileStore) change(e edit, announce announcer) error {
	t, err := s.apply(e)
	if err != nil {
		return err
	}
	return announce(nil, t)
}

// apply applies an edit, unless the file cannot be written.
func (s *fileStore) apply(e edit) (task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, t, err := s.list.changed(e)
	if err == nil {
		err = s.write(next)
	}
	if err == nil {
		s.list = next
	}
	return t, err
}

// write replaces the file atomically, after the new one has reached the disk.
func (s *fileStore) write(l list) error {
	if s.path == "" {
		return nil
	}
	content, err := json.MarshalIndent(l, "", "\t")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), s.path)
}
