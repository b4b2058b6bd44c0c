package sqlitebroker_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/sqlitebroker"
)

func currentUser(echo.Context) (string, error) { return "ann", nil }

// serveOnce is an application that starts, sends an event, and ends.
func serveOnce(file, command string) error {
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // as in many programs
	log, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true})
	if err != nil {
		return err
	}
	p, err := pull.New(pull.Config{Broker: log, User: currentUser})
	if err != nil {
		return err
	}
	defer p.Shutdown(context.Background()) //nolint:errcheck // as in many programs

	if err := p.Register(pull.Module{ID: "tasks", Use: pull.PublicSection}); err != nil {
		return err
	}
	return p.Send(context.Background(), pull.User("ann"), pull.Event{Module: "tasks", Command: command})
}

// Two runs of an application use the same log.
func Example() {
	dir, err := os.MkdirTemp("", "pull")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "app.db")
	fmt.Println(serveOnce(file, "create"))
	fmt.Println(serveOnce(file, "update"))

	// What a third run finds.
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		panic(err)
	}
	defer func() { _ = db.Close() }()
	log, err := sqlitebroker.New(sqlitebroker.Config{DB: db})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_ = log.Subscribe(ctx, time.Hour, func(_ string, _ uint64, message []byte) {
		for _, command := range []string{"create", "update"} {
			if strings.Contains(string(message), `"tasks:`+command+`"`) {
				fmt.Println(command)
			}
		}
		if strings.Contains(string(message), `"tasks:update"`) {
			cancel()
		}
	})
	// Output:
	// <nil>
	// <nil>
	// create
	// update
}

// The shutdown of a plugin leaves nothing that a power failure could lose.
func TestShutdownSettlesTheLog(t *testing.T) {
	file := newFile(t)
	if err := serveOnce(file, "create"); err != nil {
		t.Fatal(err)
	}

	var boot string
	err := openFile(t, file).QueryRow("SELECT boot FROM pull_meta").Scan(&boot)

	if err != nil || boot != "" {
		t.Errorf("got boot %q and %v, want none", boot, err)
	}
}

// The code in the package's documentation is that of the example.
func TestDocumentationShowsTheExample(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for line := range strings.Lines(string(doc)) {
		if line, isCode := strings.CutPrefix(line, "//\t"); isCode {
			code.WriteString("\t" + line)
		}
	}
	shown := regexp.MustCompile(` //nolint.*`).ReplaceAllString(string(example), "")
	if code.Len() == 0 || !strings.Contains(shown, code.String()) {
		t.Errorf("got this code in doc.go, want that of serveOnce:\n%s", &code)
	}
}
