package pull_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/echo-pull/pull"
)

// What docs/types.md shows.

type Task struct {
	ID      string    `json:"id"`
	Title   string    `json:"title"`
	Status  Status    `json:"status"`
	Price   Amount    `json:"price"`
	Due     time.Time `json:"due,omitzero"`
	Owner   *string   `json:"owner"`
	Labels  []string  `json:"labels"`
	Parts   []Task    `json:"parts,omitempty"`
	Version int64     `json:"version"`
}

type Status string

const (
	Open Status = "open"
	Done Status = "done"
)

var (
	taskUpdated = pull.Define[Task]("tasks", "update")
	taskDeleted = pull.Define[struct {
		ID string `json:"id"`
	}]("tasks", "delete")
)

// An Amount is money.
type Amount struct{ text string }

// MarshalJSON implements [json.Marshaler].
func (a Amount) MarshalJSON() ([]byte, error) { return json.Marshal(a.text) }

func writeTypes(w io.Writer) error {
	return pull.WriteTypeScript(w, taskUpdated, taskDeleted, pull.OneOf(Open, Done), pull.EncodedAs[Amount, string]())
}

// announceTask announces a task at once, and as a transaction commits.
func announceTask(c pull.Context, tx pull.Tx, task Task) error {
	if err := taskUpdated.Send(c.Pull(), pull.Tag("TASK_"+task.ID), task); err != nil {
		return err
	}
	event := taskUpdated.Event(task)
	event.Key = task.ID
	if err := c.Pull().SendTx(tx, pull.Tag("TASK_"+task.ID), event); err != nil {
		return err
	}
	return nil
}

func TestTaskOfTheTypesPageIsAnnounced(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	var err error
	a.echo.GET("/", pull.Handler(func(c pull.Context) error {
		err = announceTask(c, nil, Task{ID: "7"})
		return nil
	}))

	a.get(t, "/")

	if !errors.Is(err, pull.ErrNoTx) {
		t.Errorf("got %v, want %v: the embedded log has no transactions", err, pull.ErrNoTx)
	}
}

func TestFilesOfTheTypesPageAreUpToDate(t *testing.T) {
	want := documentedTypes(t, "events.d.ts")
	t.Chdir(t.TempDir())
	if err := errors.Join(os.Mkdir("static", 0o700), os.WriteFile("static/events.d.ts", []byte(want), 0o600)); err != nil {
		t.Fatal(err)
	}
	err := pull.CheckFile("static/events.d.ts", func(w io.Writer) error {
		return pull.WriteTypeScript(w, taskUpdated, taskDeleted,
			pull.OneOf(Open, Done), pull.EncodedAs[Amount, string]())
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAsyncAPIOfTheTypesPageIsWritten(t *testing.T) {
	t.Parallel()
	write := func(w io.Writer) error {
		info := pull.APIInfo{Title: "Tasks", Version: "1.0.0", URL: "https://example.com/pull"}
		err := pull.WriteAsyncAPI(w, info, taskUpdated, taskDeleted, pull.OneOf(Open, Done), pull.EncodedAs[Amount, string]())
		return err
	}
	var text bytes.Buffer

	err := write(&text)

	if err != nil || !json.Valid(text.Bytes()) || !bytes.Contains(text.Bytes(), []byte(`"tasks:update"`)) {
		t.Errorf("got %s, %v, want a document with tasks:update", text.Bytes(), err)
	}
}
