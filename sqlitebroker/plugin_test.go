package sqlitebroker_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/sqlitebroker"
)

// serveUntilKilled is the process that dies: an application with one module. It
// prints its address.
func serveUntilKilled(file string) {
	err := func() error {
		db, err := sql.Open("sqlite", "file:"+file)
		if err != nil {
			return err
		}
		log, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true})
		if err != nil {
			return err
		}
		p, err := pull.New(pull.Config{Broker: log, User: func(echo.Context) (string, error) { return "ann", nil }})
		if err != nil {
			return err
		}
		if err := p.Register(pull.Module{ID: "tasks", Use: pull.PublicSection}); err != nil {
			return err
		}
		e := echo.New()
		e.HideBanner, e.HidePort = true, true
		e.Use(p.Middleware())
		p.Mount(e.Group("/pull"))
		e.GET("/page", pull.Handler(func(c pull.Context) error {
			if err := c.Pull().Watch("TASK"); err != nil {
				return err
			}
			return c.String(http.StatusOK, c.Pull().Cursor())
		}))
		e.POST("/send", pull.Handler(func(c pull.Context) error {
			event := pull.Event{Module: "tasks", Command: c.QueryParam("command")}
			if err := c.Pull().Send(pull.Tag("TASK"), event); err != nil {
				return err
			}
			return c.Pull().Flush(c.Request().Context())
		}))
		if e.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(os.Stdout, e.Listener.Addr())
		return e.Start("")
	}()
	_, _ = fmt.Fprintln(os.Stdout, "error:", err)
	os.Exit(1)
}

// A server is a process that serves until it is killed.
type server struct {
	process *exec.Cmd
	url     string
}

func serve(t *testing.T, file string) *server {
	t.Helper()
	process := exec.CommandContext(t.Context(), os.Args[0])
	process.Env = append(os.Environ(), "PULL_SERVE="+file)
	output, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || strings.HasPrefix(address, "error") {
		t.Fatalf("the process printed %q: %v", address, err)
	}
	s := &server{process, "http://" + strings.TrimSpace(address)}
	t.Cleanup(s.kill)
	return s
}

func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// request returns the body of a response.
func (s *server) request(t *testing.T, method, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 400 {
		t.Fatalf("%s %s: got %s %q and %v", method, path, response.Status, body, err)
	}
	return string(body)
}

// open opens a page at a cursor and reads until a command comes, or only the
// hello if there is none. It returns the commands of the application, whether
// the page has missed nothing, and its new cursor.
func (s *server) open(t *testing.T, cursor, last string) (commands []string, recovered bool, next string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/pull?cursor="+cursor, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if id, isID := strings.CutPrefix(lines.Text(), "id:"); isID {
			next = strings.TrimSpace(id)
		}
		data, isData := strings.CutPrefix(lines.Text(), "data:")
		if !isData {
			continue
		}
		var messages []struct {
			ModuleID string `json:"module_id"`
			Command  string `json:"command"`
			Params   struct {
				Recovered bool `json:"recovered"`
			} `json:"params"`
		}
		if err := json.Unmarshal([]byte(data), &messages); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		for _, m := range messages {
			switch m.ModuleID {
			case "pull":
				recovered = recovered || m.Params.Recovered
			case "tasks":
				commands = append(commands, m.Command)
			}
		}
		if last == "" || slices.Contains(commands, last) {
			return commands, recovered, next
		}
	}
	t.Fatalf("the stream has ended after %q, want %q", commands, last)
	return nil, false, ""
}

// The process is killed while pages are away. They miss nothing, and their
// watches are still there.
func TestPageRecoversOverAKilledProcess(t *testing.T) {
	file := newFile(t)
	s := serve(t, file)
	cursor := s.request(t, http.MethodGet, "/page")
	var want []string
	for i := range 4 {
		for j := range 3 {
			command := fmt.Sprintf("c%d.%d", i, j)
			want = append(want, command)
			s.request(t, http.MethodPost, "/send?command="+command)
		}
		s.kill()
		s = serve(t, file)
	}
	s.request(t, http.MethodPost, "/send?command=end")

	got, recovered, next := s.open(t, cursor, "end")

	if !recovered || !slices.Equal(got, append(want, "end")) {
		t.Errorf("recovered %v, got %q, want %q", recovered, got, want)
	}
	s.kill()
	s = serve(t, file)
	s.request(t, http.MethodPost, "/send?command=more")
	if got, recovered, _ := s.open(t, next, "more"); !recovered || !slices.Equal(got, []string{"more"}) {
		t.Errorf("later: recovered %v, got %q, want more", recovered, got)
	}
}

// An older copy of the database is a gap for pages that have seen more.
func TestPageLearnsThatAnOlderCopyIsInPlace(t *testing.T) {
	file, older := newFile(t), newFile(t)
	s := serve(t, file)
	s.request(t, http.MethodGet, "/page")
	s.request(t, http.MethodPost, "/send?command=kept")
	copyFiles(t, file, older)
	s.request(t, http.MethodPost, "/send?command=lost")
	cursor := s.request(t, http.MethodGet, "/page")
	s.kill()
	remove(t, file+"-shm")
	rename(t, older, file)
	rename(t, older+"-wal", file+"-wal")

	s = serve(t, file)
	s.request(t, http.MethodPost, "/send?command=another")
	s.request(t, http.MethodPost, "/send?command=end")

	if _, recovered, _ := s.open(t, cursor, ""); recovered {
		t.Error("the page was told that it has missed nothing")
	}
}
