//pull:only v4

package pull_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	webpush "github.com/echo-pull/pull/push"
)

// A program is a running program from the documentation.
type program struct {
	*testing.T
	url string
	cmd *exec.Cmd
	http.Client
}

// start builds the first program on a page and runs it on a free port.
func start(t *testing.T, path string) *program {
	t.Helper()
	_, code, found := strings.Cut(read(t, path), "```go\npackage main\n")
	if !found {
		t.Fatalf("%s has no program", path)
	}
	code, _, _ = strings.Cut("package main\n"+code, "```\n")
	binary := filepath.Join(t.TempDir(), "program.exe")
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte(strings.Replace(code, "127.0.0.1:8080", "127.0.0.1:0", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := goCommand(t, code, "build", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
	p := &program{T: t, cmd: exec.Command(binary), Client: http.Client{Timeout: 30 * time.Second}}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = p.cmd.Process.Kill(), p.cmd.Wait() })
	lines := bufio.NewScanner(out)
	for p.url == "" && lines.Scan() {
		if address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(lines.Text()); address != "" {
			p.url = "http://" + address
		}
	}
	if p.url == "" {
		t.Fatalf("%s: the program does not listen: %v", path, p.cmd.Wait())
	}
	p.Jar, _ = cookiejar.New(nil) // it never fails
	p.Transport = &http.Transport{DisableKeepAlives: true}
	return p
}

func (p *program) do(method, path, accept string, form url.Values) *http.Response {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), method, p.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := p.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	return response
}

// get returns the last group of a pattern in the response at a path.
func (p *program) get(path, pattern string) string {
	p.Helper()
	response := p.do(http.MethodGet, path, "text/html", nil)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindSubmatch(body)
	if found == nil {
		p.Fatalf("GET %s: got status %d and %s, want %s", path, response.StatusCode, body, pattern)
	}
	return string(found[len(found)-1])
}

// post returns the status of the response.
func (p *program) post(path string, form url.Values) int {
	p.Helper()
	response := p.do(http.MethodPost, path, "*/*", form)
	_ = response.Body.Close()
	return response.StatusCode
}

// hears reads a stream until it contains the text.
func (p *program) hears(stream *http.Response, want string) {
	p.Helper()
	lines := bufio.NewScanner(stream.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), want) {
			return
		}
	}
	p.Fatalf("the stream (status %d) has ended, want %s: %v", stream.StatusCode, want, lines.Err())
}

// stop interrupts the program, which should then end by itself.
func (p *program) stop() {
	p.Helper()
	if runtime.GOOS == "windows" {
		return // there is no such signal; the test kills the program
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.Errorf("the program has ended with %v, want success", err)
	}
}

// The quick starts for Echo v4 and Echo v5 work.
func TestREADMEQuickStartRuns(t *testing.T) { quickStart(start(t, "README.md")) }
func TestEcho5QuickStartRuns(t *testing.T)  { quickStart(start(t, "docs/echo-v5.md")) }

// The guide to notifications begins with a program that has keys of its own.
func TestPushGuideRuns(t *testing.T) {
	keys, err := webpush.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAPID_PUBLIC_KEY", keys.Public)
	t.Setenv("VAPID_PRIVATE_KEY", keys.Private)
	p := start(t, "docs/push.md")
	p.get("/", `user: "ann", cursor: "([a-z2-7]+\.\d+)"`)
	if got := p.get("/pull/push", `"key":"([^"]+)","user":"ann"`); got != keys.Public {
		t.Errorf("browsers subscribe with the key %s, want %s", got, keys.Public)
	}
	if status := p.post("/message", url.Values{"text": {"Lunch"}}); status != http.StatusNoContent {
		t.Errorf("POST /message: got status %d, want 204", status)
	}
	p.stop()
}

func quickStart(p *program) {
	p.Helper()
	cursor := p.get("/", `user: "ann", cursor: "([a-z2-7]+\.\d+)"`)
	if status := p.post("/hello", nil); status != http.StatusNoContent {
		p.Errorf("POST /hello: got status %d, want 204", status)
	}
	stream := p.do(http.MethodGet, "/pull?cursor="+cursor, "text/event-stream", nil)
	defer func() { _ = stream.Body.Close() }()

	p.hears(stream, `"module_id":"demo","command":"hello","params":{"to":"world"}`)
	p.stop()
}

// The server-rendered page of the guide: the page receives what it misses while it
// loads, a failed change is not announced, and a logout ends the connections.
func TestGettingStartedRuns(t *testing.T) {
	p := start(t, "docs/getting-started.md")
	if status := p.post("/tasks", url.Values{"title": {"a guest's"}}); status != http.StatusUnauthorized {
		t.Errorf("a guest adds a task: got status %d, want 401", status)
	}
	p.post("/login", url.Values{"name": {"ann"}})
	cursor := p.get("/", `data-user="ann" data-cursor="([a-z2-7]+\.\d+)"`)
	if status := p.post("/tasks", url.Values{"title": {""}}); status != http.StatusUnprocessableEntity {
		t.Errorf("a task without a title: got status %d, want 422", status)
	}
	p.post("/tasks", url.Values{"title": {"Write it down"}})
	stream := p.do(http.MethodGet, "/pull?cursor="+cursor, "text/event-stream", nil)
	defer func() { _ = stream.Body.Close() }()

	p.hears(stream, `"command":"add","params":{"id":1,"title":"Write it down"}`)
	p.get("/", `<li id="task-1">Write it down</li>`)
	p.post("/logout", nil)
	p.hears(stream, `"code":4003`)
	p.get("/", `action="/login"`)
	p.stop()
}
