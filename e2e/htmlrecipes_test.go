package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// building is held while a recipe is built.
var building sync.Mutex

// runRecipe runs one of the small applications beside the example.
func runRecipe(t *testing.T, name string, args ...string) *example {
	t.Helper()
	path := filepath.Join(filepath.Dir(program), name)
	if err := buildRecipe(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return startProgram(t, path, args...)
}

// buildRecipe builds the recipe with the name of the program, unless another test has.
func buildRecipe(ctx context.Context, program string) error {
	building.Lock()
	defer building.Unlock()

	if _, err := os.Stat(program); err == nil {
		return nil
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./example/"+filepath.Base(program))
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", build.Args, err, out)
	}
	return nil
}

// meanwhile kills the program, runs it at another address, where the pages do not find
// it, kills it after what is done there, and starts it where it was. Until then nobody
// else gets its port.
func (e *example) meanwhile(do func(url string)) {
	e.t.Helper()
	home := e.addr()
	e.kill()
	held, err := new(net.ListenConfig).Listen(e.t.Context(), "tcp", home)
	if err != nil {
		e.t.Fatal(err)
	}
	e.start("127.0.0.1:0")
	do(e.url)
	e.kill()
	if err := held.Close(); err != nil {
		e.t.Fatal(err)
	}
	e.start(home)
}

// post posts a body and fails the test unless it is accepted.
func post(t *testing.T, address, contentType, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode >= 400 {
		t.Fatalf("POST %s: got %s, want success", address, response.Status)
	}
}

// countGaps makes the page count the gaps that it is notified of from now on.
func (p *tab) countGaps() {
	p.Helper()
	p.run(`window.gaps = 0; document.body.addEventListener("pull:gap", () => window.gaps++)`)
}

// lost are words of what a page logs when its server was killed.
func lost() []string {
	return []string{"WebSocket", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "426", "htmx:sendError", "htmx:afterRequest"}
}
