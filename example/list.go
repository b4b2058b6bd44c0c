package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync"
)

type task struct {
	ID    string `json:"id"` // sorts by age
	Title string `json:"title"`
	Done  bool   `json:"done"`
}

// A list holds the tasks by id. If it has a path, its file contains every change
// before it is published, so what a page has seen is still there after a crash.
type list struct {
	path string

	mu    sync.Mutex // guards tasks
	tasks map[string]task
}

// openList reads the file of tasks beside the state file, if there is one. A file
// that cannot be read is an error, because the next change would overwrite it.
func openList(stateFile string) (*list, error) {
	l := &list{tasks: make(map[string]task)}
	if stateFile == "" {
		return l, nil
	}
	l.path = stateFile + ".tasks.json"
	content, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &l.tasks)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", l.path, err)
	}
	return l, nil
}

// all returns the current tasks. The map is never modified: a change replaces it.
func (l *list) all() map[string]task {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tasks
}

func (l *list) put(t task) error {
	return l.change(func(tasks map[string]task) { tasks[t.ID] = t })
}

func (l *list) remove(id string) error {
	return l.change(func(tasks map[string]task) { delete(tasks, id) })
}

// change applies a change, unless the file cannot be written.
func (l *list) change(edit func(map[string]task)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	tasks := make(map[string]task, len(l.tasks)+1)
	maps.Copy(tasks, l.tasks)
	edit(tasks)
	if err := l.write(tasks); err != nil {
		return err
	}
	l.tasks = tasks
	return nil
}

// write replaces the file atomically, after the new one has reached the disk.
func (l *list) write(tasks map[string]task) error {
	if l.path == "" {
		return nil
	}
	content, err := json.MarshalIndent(tasks, "", "\t")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(l.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), l.path)
}
