package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	echo4 "github.com/labstack/echo/v4"

	pull4 "github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

const openAPI = "../docs/publish.openapi.json"

// An api is what a test needs of the OpenAPI document.
type api struct {
	Paths map[string]struct {
		Post struct {
			RequestBody struct {
				Content map[string]struct {
					Examples map[string]struct{ Value json.RawMessage }
				}
			}
			Responses map[string]any
		}
	}
	Components struct {
		Schemas map[string]struct{ Properties map[string]any }
	}
}

// A played is the response to a body.
type played struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// A validator accepts the OpenAPI document. The handler accepts its examples and what else
// its schemas accept, and refuses what they refuse. Every status of the document but 408
// is played, and the responses are as described.
func TestOpenAPIDescribesTheHandler(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	var described api
	if err := json.Unmarshal(document, &described); err != nil {
		t.Fatal(err)
	}
	p, url := publisher(t)
	post := described.Paths["/publish"].Post
	var responses []played
	for kind, content := range post.RequestBody.Content {
		for name, example := range content.Examples {
			body := string(example.Value)
			if kind == "application/x-ndjson" {
				_ = json.Unmarshal(example.Value, &body)
			}
			responses = append(responses, play(t, url, body, "Content-Type", kind))
			if last := responses[len(responses)-1]; last.Status != http.StatusOK {
				t.Errorf("example %s: got %d %s", name, last.Status, last.Body)
			}
		}
	}
	right, wrong := linesOf(rightEvents, rightTargets), linesOf(wrongEvents, wrongTargets)
	for want, lines := range map[int][]json.RawMessage{http.StatusOK: right, http.StatusBadRequest: wrong} {
		for _, l := range lines {
			r := play(t, url, string(l))
			if responses = append(responses, r); r.Status != want {
				t.Errorf("%s: got %d %s, want %d", l, r.Status, r.Body, want)
			}
		}
	}
	good := string(right[1])
	play(t, url, good, "Idempotency-Key", "1")
	responses = append(responses,
		play(t, url, good, "Authorization", "Bearer wrong"), play(t, url, good, "Content-Type", "text/plain"),
		play(t, url, good+strings.Repeat(" ", 1<<20)), play(t, url, strings.Replace(good, "orders", "secret", 1)),
		play(t, url, good+" ", "Idempotency-Key", "1"))
	empty := pulltest.FillQueue(t, p)
	responses = append(responses, play(t, url, good))
	empty()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	responses = append(responses, play(t, url, good))
	checkPlayed(t, slices.Collect(maps.Keys(post.Responses)), responses)

	input, err := json.Marshal(map[string]any{"document": json.RawMessage(document), "right": right, "wrong": wrong, "responses": responses})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "openapi.mjs")
	node.Stdin = bytes.NewReader(input)
	if out, err := node.CombinedOutput(); err != nil || !bytes.HasPrefix(out, []byte("valid: ")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// checkPlayed fails unless every described status was played, except that of a body that
// does not come, which a test with fake time plays.
func checkPlayed(t *testing.T, described []string, responses []played) {
	t.Helper()
	for _, status := range described {
		was := func(r played) bool { return strconv.Itoa(r.Status) == status }
		if status != "408" && !slices.ContainsFunc(responses, was) {
			t.Errorf("status %s was not played", status)
		}
	}
}

// What the handler and the schemas accept and refuse, each in a line that is right otherwise.
var (
	rightEvents = []string{
		`{"module":"ORDERS","command":"Neue Bestellung"}`, `{"module":"orders","command":"x","params":null,"ttl":1,"keep":"all"}`,
		`{"module":"orders","command":"x","params":[1],"key":"","extra":{},"perUser":{}}`, `{"module":"orders","push":{"title":"t"}}`,
		`{"module":"orders","command":"","push":{"title":"t","badge":-1,"urgency":"","topic":""}}`,
	}
	rightTargets = []string{`{"users":["1"]}`, `{"tags":["T"],"except":[]}`, `{"shared":true,"users":[],"except":["1"]}`}
	wrongEvents  = []string{
		`{}`, `[]`, `{"module":"orders"}`, `{"module":"a b","command":"x"}`, `{"module":1,"command":"x"}`, `{"module":"orders","command":""}`, `{"module":"orders","command":1}`,
		`{"module":"orders","command":"x","ttl":0}`, `{"module":"orders","command":"x","ttl":1.5}`, `{"module":"orders","command":"x","ttl":"1"}`,
		`{"module":"orders","command":"x","keep":"first"}`, `{"module":"orders","command":"x","key":1}`, `{"module":"orders","command":"x","secret":1}`,
		`{"module":"orders","command":"x","perUser":{"1":1}}`, `{"module":"orders","command":"x","perUser":{"":{}}}`, `{"module":"orders","command":"x","extra":[]}`,
		`{"module":"orders","command":"x","more":1}`, `{"module":"orders","command":"x","push":{}}`, `{"module":"orders","command":"x","push":{"title":"t","more":1}}`,
		`{"module":"orders","command":"x","push":{"title":"t","urgency":"now"}}`, `{"module":"orders","command":"x","push":{"title":"t","badge":-2}}`,
		`{"module":"orders","command":"x","push":null}`,
	}
	wrongTargets = []string{`{}`, `[]`, `{"users":[]}`, `{"users":"1"}`, `{"users":[1]}`, `{"users":[""]}`, `{"shared":false}`, `{"shared":1}`, `{"tag":["T"]}`, `{"except":["1"]}`}
)

func linesOf(events, targets []string) (lines []json.RawMessage) {
	for _, e := range events {
		lines = append(lines, json.RawMessage(`{"target":{"users":["1"]},"event":`+e+`}`))
	}
	for _, to := range targets {
		lines = append(lines, json.RawMessage(`{"target":`+to+`,"event":{"module":"orders","command":"x"}}`))
	}
	return lines
}

// quiet is a Pusher that sends nothing.
type quiet struct{}

func (quiet) Push(context.Context, string, *pull4.Notification) error { return nil }

// publisher serves an application to which other services publish.
func publisher(t *testing.T) (*pull4.Plugin, string) {
	t.Helper()
	p, err := pull4.New(pull4.Config{
		User: func(echo4.Context) (string, error) { return "1", nil }, Pusher: quiet{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Register(pull4.Module{ID: "orders"}); err != nil {
		t.Fatal(err)
	}
	e := echo4.New()
	e.POST("/publish", p.PublishHandler(pull4.PublishConfig{Keys: []string{guideKey}, Modules: []string{"orders"}}))
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return p, s.URL + "/publish"
}

const guideKey = "only-for-this-guide"

func play(t *testing.T, url, body string, headers ...string) played {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	headers = append([]string{"Authorization", "Bearer " + guideKey, "Content-Type", "application/json"}, headers...)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil || !json.Valid(content) {
		t.Fatalf("%s: %s: %q, %v", body, response.Status, content, err)
	}
	return played{response.StatusCode, content}
}

// guide returns the first block of a language in the guide to publishing.
func guide(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/publish.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```"+language+"\n")
	block, _, ended := strings.Cut(rest, "\n```\n")
	if !found || !ended {
		t.Fatalf("the guide has no block of %s", language)
	}
	return block + "\n"
}

// startGuide runs the program of the guide, and returns its address.
func startGuide(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "main.go", []byte(strings.Replace(strings.Replace(guide(t, "go"), "127.0.0.1:8080", "127.0.0.1:0", 1), "fmt.Println(", "fmt.Fprintln(os.Stderr, ", 1)))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/guide", dir+"/main.go")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return startProgram(t, dir+"/guide").url
}

// run runs a command of the guide against a URL.
func run(t *testing.T, url, input string, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := exec.LookPath(command[0]); err != nil && os.Getenv("CI") == "" {
		t.Skipf("no %s", command[0])
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "PUBLISH_URL="+url)
	cmd.Stdin = strings.NewReader(input)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaints.String())
	}
	return strings.TrimSpace(string(out))
}

// The line of the guide with curl publishes, once however often it runs.
func TestGuidePublishesFromAShell(t *testing.T) {
	t.Parallel()
	url := startGuide(t)
	page := follow(t, url+"/pull")
	page.next(t, "hello")

	first := run(t, url+"/publish", "", "bash", "-ec", guide(t, "sh"))
	again := run(t, url+"/publish", "", "bash", "-ec", guide(t, "sh"))
	run(t, url+"/publish", "", "bash", "-ec", strings.NewReplacer("order-1042-paid", "2", "paid", "shipped").Replace(guide(t, "sh")))

	if !strings.HasPrefix(first, `{"cursor":"`) || again != first {
		t.Errorf("got %s and %s, want the same cursor", first, again)
	}
	page.next(t, "paid")
	page.next(t, "shipped")
}

// The program of the guide in Python repeats a request that was refused, and one whose
// response was lost.
func TestGuidePublishesFromPython(t *testing.T) {
	t.Parallel()
	url := startGuide(t)
	page := follow(t, url+"/pull")
	page.next(t, "hello")
	attempts, names := 0, make(map[string]bool)
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		attempts++
		names[r.Header.Get("Idempotency-Key")] = true
		if attempts == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		response := play(t, url+"/publish", string(body), "Content-Type", r.Header.Get("Content-Type"), "Authorization", r.Header.Get("Authorization"),
			"Idempotency-Key", r.Header.Get("Idempotency-Key"))
		if attempts == 2 {
			panic(http.ErrAbortHandler) // the response is lost
		}
		w.WriteHeader(response.Status)
		_, _ = w.Write(response.Body)
	}))
	bad.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(bad.Close)
	dir := t.TempDir()
	write(t, dir, "publish.py", []byte(guide(t, "python")))
	lines := `{"target":{"users":["42"]},"event":{"module":"orders","command":"one"}}` + "\n" +
		`{"target":{"shared":true},"event":{"module":"orders","command":"two","params":{"text":"ü"}}}` + "\n"

	cursor := run(t, bad.URL, lines, "python3", dir+"/publish.py")

	if attempts != 3 || len(names) != 1 || !strings.Contains(cursor, ".") {
		t.Errorf("got %s after %d attempts with %d names, want a cursor after 3 with one", cursor, attempts, len(names))
	}
	run(t, url+"/publish", strings.ReplaceAll(lines, "one", "three"), "python3", dir+"/publish.py")
	page.next(t, "one")
	page.next(t, "two")
	page.next(t, "three")
}
