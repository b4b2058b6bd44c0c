package main

import (
	"context"
	"maps"

	"github.com/echo-pull/pull"
)

type task struct {
	ID       string `json:"id"` // sorts by age
	Title    string `json:"title"`
	Done     bool   `json:"done"`
	Revision int64  `json:"revision,omitempty"` // in an event: that of the list after the change
}

// A list is all tasks at one moment.
type list struct {
	// Revision counts the changes. With it, pages put events of several nodes in
	// order, and notice that one is missing: a node may have died between a change
	// and its event. It is 0 if a change and its event are one transaction.
	Revision int64           `json:"revision"`
	Tasks    map[string]task `json:"tasks"` // by id
}

// A store keeps the list for all nodes of the application.
type store interface {
	all(ctx context.Context) (list, error)

	// add, update and remove change one task and announce the change. They return
	// errGone if the task to update or remove is not there.
	add(ctx context.Context, t task, announce announcer) error
	update(ctx context.Context, t task, announce announcer) error
	remove(ctx context.Context, id string, announce announcer) error
}

// An announcer sends the event of a change. A store with transactions calls it in
// that of the change, and keeps the change only if it returns nil. Others pass nil,
// after the change.
type announcer func(tx pull.Tx, t task) error

// An edit changes one of the tasks and returns it.
type edit func(tasks map[string]task) (task, error)

func adding(t task) edit {
	return func(tasks map[string]task) (task, error) {
		tasks[t.ID] = t
		return t, nil
	}
}

func updating(t task) edit {
	return func(tasks map[string]task) (task, error) {
		if _, ok := tasks[t.ID]; !ok {
			return t, errGone
		}
		tasks[t.ID] = t
		return t, nil
	}
}

func removing(id string) edit {
	return func(tasks map[string]task) (task, error) {
		t, ok := tasks[id]
		if !ok {
			return t, errGone
		}
		delete(tasks, id)
		return t, nil
	}
}

// changed returns the list after an edit, and the task for the event. The list
// itself stays as it is.
func (l list) changed(e edit) (list, task, error) {
	next := list{Revision: l.Revision + 1, Tasks: make(map[string]task, len(l.Tasks)+1)}
	maps.Copy(next.Tasks, l.Tasks)
	t, err := e(next.Tasks)
	t.Revision = next.Revision
	return next, t, err
}
