package pgbroker_test

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestExample runs the package example as two processes.
func TestExample(t *testing.T) {
	t.Parallel()
	if os.Getenv("EXAMPLE") == "run" {
		Example()
		return
	}
	s := newServer(t)
	first, second := startExample(t, s), startExample(t, s)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+second+"/pull?client=page-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("X-User", "7")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close(); http.DefaultClient.CloseIdleConnections() })
	lines := bufio.NewScanner(response.Body)
	awaitLine(t, lines, `"command":"hello"`)

	post(t, "http://"+first+"/tasks/42")

	awaitLine(t, lines, `"id":"42"`)
}

func awaitLine(t *testing.T, lines *bufio.Scanner, text string) {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	t.Fatalf("the stream ended with %v, want %q", lines.Err(), text)
}

// startExample starts a node in a process of its own and returns its address.
func startExample(t *testing.T, s *server) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestExample$")
	cmd.Env = append(os.Environ(), "EXAMPLE=run", "DATABASE_URL="+s.url(), "ADDRESS="+address)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the node ended with %v", err)
		}
	})
	eventually(t, func() error {
		response, err := http.Get("http://" + address + "/pull/pull.js")
		if err != nil {
			return err
		}
		if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	})
	return address
}
