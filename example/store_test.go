package main

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/echo-pull/pull"
)

// silent announces nothing.
func silent(pull.Tx, task) error { return nil }

// testStore tests what every store promises, with an empty one.
func testStore(t *testing.T, s store) {
	t.Helper()
	ctx := t.Context()
	var announced []task
	note := func(_ pull.Tx, t task) error {
		announced = append(announced, t)
		return nil
	}
	milk, bread, cream := task{ID: "1", Title: "milk"}, task{ID: "2", Title: "bread"}, task{ID: "1", Title: "cream", Done: true}
	for _, step := range []struct {
		name      string
		got, want error
	}{
		{"add", s.add(ctx, milk, note), nil},
		{"add another", s.add(ctx, bread, note), nil},
		{"update", s.update(ctx, cream, note), nil},
		{"update what never was there", s.update(ctx, task{ID: "3", Title: "tea"}, note), errGone},
		{"remove", s.remove(ctx, "2", note), nil},
		{"remove what is gone", s.remove(ctx, "2", note), errGone},
		{"update what is gone", s.update(ctx, bread, note), errGone},
	} {
		if !errors.Is(step.got, step.want) {
			t.Errorf("%s: error %v, want %v", step.name, step.got, step.want)
		}
	}

	l, err := s.all(ctx)

	if want := map[string]task{"1": cream}; err != nil || !maps.Equal(l.Tasks, want) {
		t.Errorf("the list is %v, %v, want %v", l, err, want)
	}
	want := []task{milk, bread, cream, bread}
	for i := range want {
		if l.Revision != 0 {
			want[i].Revision = int64(i + 1)
		}
	}
	if !slices.Equal(announced, want) {
		t.Errorf("announced %v, want %v", announced, want)
	}
	if last := int64(len(want)); l.Revision != 0 && l.Revision != last {
		t.Errorf("the list has revision %d, want %d", l.Revision, last)
	}
}
