package pull_test

import (
	"bufio"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// pages returns the texts of the documentation by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	if err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			texts[filepath.ToSlash(path)] = read(t, path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return texts
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// indent is where a line begins, which differs between a page and a test.
var indent = regexp.MustCompile(`(?m)^[\t ]+`)

// testCode returns the code of all tests that pages may quote.
func testCode(t *testing.T) string {
	t.Helper()
	var tests strings.Builder
	for _, pattern := range []string{"*_test.go", "e2e/*_test.go"} {
		sources, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range sources {
			tests.WriteString(read(t, path))
		}
	}
	return indent.ReplaceAllString(tests.String(), "")
}

// Every block of Go is a program that vet accepts, a test that passes, or a part
// of one of the tests here.
func TestREADMEShowsCodeThatWorks(t *testing.T) {
	tests := testCode(t)
	for path, page := range pages(t) {
		for _, block := range goBlock.FindAllStringSubmatch(page, -1) {
			code, command, file := block[1], "vet", "main.go"
			switch {
			case !strings.HasPrefix(code, "package "):
				if !strings.Contains(tests, indent.ReplaceAllString(code, "")) {
					t.Errorf("%s: this is in no test:\n%s", path, code)
				}
				continue
			case !strings.HasPrefix(code, "package main\n"):
				command, file = "test", "main_test.go"
			}
			file = filepath.Join(t.TempDir(), file)
			if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), "go", command, file).CombinedOutput(); err != nil {
				t.Errorf("%s: go %s: %v\n%s", path, command, err, out)
			}
		}
	}
}

// A program is one that a page prints, running.
type program struct {
	*testing.T
	url string
	cmd *exec.Cmd
	http.Client
}

// start builds and runs the first program of a page, on a free port.
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
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
	p := &program{T: t, cmd: exec.Command(binary)}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for p.url == "" && lines.Scan() {
		if address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(lines.Text()); address != "" {
			p.url = "http://" + address
		}
	}
	if p.url == "" {
		t.Fatalf("%s: the program does not listen: %v", path, p.cmd.Wait())
	}
	p.Jar, _ = cookiejar.New(nil) // it returns no error
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

// get returns the first group of what the page at a path has to show.
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

// post returns the status.
func (p *program) post(path string, form url.Values) int {
	p.Helper()
	response := p.do(http.MethodPost, path, "*/*", form)
	_ = response.Body.Close()
	return response.StatusCode
}

// hears reads a stream until something has come.
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

// stop interrupts the program, which is to end by itself.
func (p *program) stop() {
	p.Helper()
	if runtime.GOOS == "windows" {
		return // it knows no such signal; the test kills the program
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.Errorf("the program has ended with %v, want success", err)
	}
}

// The quick start of the README does what it says.
func TestREADMEQuickStartRuns(t *testing.T) {
	p := start(t, "README.md")
	cursor := p.get("/", `user: "ann", cursor: "([a-z2-7]+\.\d+)"`)
	if status := p.post("/hello", nil); status != http.StatusNoContent {
		t.Errorf("POST /hello: got status %d, want 204", status)
	}
	stream := p.do(http.MethodGet, "/pull?cursor="+cursor, "text/event-stream", nil)
	defer func() { _ = stream.Body.Close() }()

	p.hears(stream, `"module_id":"demo","command":"hello","params":{"to":"world"}`)
	p.stop()
}

var (
	testName   = regexp.MustCompile(`\b((?:e2e/|example/|brokertest/)?)((?:Test|Fuzz)[A-Z]\w+)`)
	clientTest = regexp.MustCompile("`(\\w+\\.test\\.js): ([^`]+)`")
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w+)\(`)
)

// The tests that the documentation names exist.
func TestGuaranteesNameTestsThatExist(t *testing.T) {
	exist := make(map[string]bool)
	for _, folder := range []string{"", "e2e/", "example/", "brokertest/"} {
		paths, err := filepath.Glob(folder + "*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			for _, f := range testFunc.FindAllStringSubmatch(read(t, path), -1) {
				exist[folder+f[1]] = true
			}
		}
	}
	named := 0
	for path, page := range pages(t) {
		own := testFunc.FindAllString(page, -1)
		for _, name := range testName.FindAllStringSubmatch(page, -1) {
			if slices.Contains(own, "func "+name[2]+"(") {
				continue // the page prints it
			}
			if named++; !exist[name[1]+name[2]] {
				t.Errorf("%s names %s, which does not exist", path, name[0])
			}
		}
		for _, name := range clientTest.FindAllStringSubmatch(page, -1) {
			source := read(t, filepath.Join("client/test", name[1]))
			if named++; !strings.Contains(source, "test(\""+name[2]+"\"") {
				t.Errorf("%s names %q of %s, which does not exist", path, name[2], name[1])
			}
		}
	}
	if named < 50 {
		t.Errorf("%d tests are named, want the table of guarantees to name more", named)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notSlug = regexp.MustCompile(`[^a-z0-9 -]`)
)

// Links within the repository lead somewhere.
func TestREADMELinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	for path, page := range all {
		for _, found := range link.FindAllStringSubmatch(page, -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := path
			if target != "" {
				file = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if anchor != "" && !slices.Contains(anchors(all[file]), anchor) {
				t.Errorf("%s: %s has no heading %q", path, file, anchor)
			}
		}
	}
}

func anchors(page string) []string {
	var slugs []string
	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		slugs = append(slugs, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
	}
	return slugs
}

var (
	reported = regexp.MustCompile(`(?:OnError|report|problem|Warn)\((?:fmt\.Errorf\(|errors\.New\()?"([^"]+)"`)
	verb     = regexp.MustCompile(`%\w`)
)

// Everything that can reach Config.OnError or the log is explained.
func TestProductionDocsExplainEveryReport(t *testing.T) {
	page, found := read(t, "docs/production.md"), 0
	_, page, _ = strings.Cut(page, "## Messages")
	if err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bench", "client", "e2e", "example"}, path):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		for _, text := range reported.FindAllStringSubmatch(read(t, path), -1) {
			found++
			for _, part := range verb.Split(text[1], -1) {
				if part = strings.Trim(part, ` :"\`); !strings.Contains(page, part) {
					t.Errorf("%s reports %q, of which docs/production.md does not explain %q", path, text[1], part)
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if found < 15 {
		t.Errorf("found %d reports in the code, want more", found)
	}
}

// The reading order in doc.go names every file but itself, and none that is gone.
func TestReadingOrderNamesEveryFile(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	_, order, _ := strings.Cut(string(doc), "# Reading order")
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "doc.go" || strings.HasPrefix(file, "lockfile_") {
			continue
		}
		if !strings.Contains(order, file) {
			t.Errorf("%s is not in the reading order", file)
		}
	}
	for _, file := range regexp.MustCompile(`\b\w+\.go\b`).FindAllString(order, -1) {
		if !slices.Contains(files, file) {
			t.Errorf("the reading order names %s, which does not exist", file)
		}
	}
}

// The server-rendered page of the guide: what a page misses while it loads
// reaches it, what fails is announced to nobody, and a logout ends connections.
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
