package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// traceHeader is the request header with the trace of a request.
const traceHeader = "Traceparent"

// A tracer gives events the trace of their request, and remembers what is delivered.
type tracer struct {
	mu        sync.Mutex // guards what follows
	delivered map[string]int
}

type traceKey struct{}

func (r *tracer) Publish(ctx context.Context, _ int) (string, func(error)) {
	trace, _ := ctx.Value(traceKey{}).(string)
	return trace, func(error) {}
}

func (r *tracer) Deliver(_ time.Time, traces []string, pages int) {
	r.mu.Lock()
	defer r.mu.Unlock()

	for _, trace := range traces {
		r.delivered[trace] += pages
	}
}

// middleware passes on the trace of a request.
func (r *tracer) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx := context.WithValue(c.Request().Context(), traceKey{}, c.Request().Header.Get(traceHeader))
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// list responds with the traces that were delivered, each with the number of pages.
func (r *tracer) list(c echo.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()

	return c.JSON(http.StatusOK, r.delivered)
}

// addOperator adds what an operator needs of a node.
func addOperator(e *echo.Echo, p *pull.Plugin, r *tracer) {
	e.Match([]string{http.MethodGet, http.MethodHead}, "/ready", p.ReadyHandler())
	e.GET("/inspector*", p.Inspector())
	e.GET("/stats", func(c echo.Context) error { return c.JSON(http.StatusOK, p.Stats()) })
	e.GET("/traces", r.list)
}

// get returns the status and the body of a response. The status is 0 if there is none.
func (p *process) get(t *testing.T, path string) (status int, text string) {
	t.Helper()
	return p.request(t, http.MethodGet, path, "", login("admin", "admin"))
}

// stats returns the counters of a node.
func (p *process) stats(t *testing.T) (s pull.Stats) {
	t.Helper()
	status, text := p.get(t, "/stats")
	if err := json.Unmarshal([]byte(text), &s); status != http.StatusOK || err != nil {
		t.Fatalf("status %d: %s: %v\n%s", status, text, err, &p.stderr)
	}
	return s
}

// traces returns the traces that a node has delivered, each with the number of pages.
func (p *process) traces(t *testing.T) (delivered map[string]int) {
	t.Helper()
	status, text := p.get(t, "/traces")
	if err := json.Unmarshal([]byte(text), &delivered); status != http.StatusOK || err != nil {
		t.Fatalf("status %d: %s: %v", status, text, err)
	}
	return delivered
}

// eventually waits until a condition holds, for which f returns "".
func eventually(t *testing.T, f func() (missing string)) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		missing := f()
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(missing)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// becomes waits until the node has a status and a reason as a load balancer sees them.
func (p *process) becomes(t *testing.T, want int, reason string) {
	t.Helper()
	eventually(t, func() string {
		status, text := p.get(t, "/ready")
		if head, _ := p.request(t, http.MethodHead, "/ready", "", nil); status == want && head == want && strings.Contains(text, reason) {
			return ""
		}
		return "/ready responds with " + http.StatusText(status) + ": " + text + ", want " + reason + "\n" + p.stderr.String()
	})
}

// An answer is why a user did or did not get an event.
type answer struct {
	verdict string
	steps   []string // of a question, an answer and details, each
}

var (
	verdictPattern = regexp.MustCompile(`(?s)<p class="verdict[^>]*>(.*?)</p>`)
	stepPattern    = regexp.MustCompile(`(?s)<li[^>]*><span>.*?</li>`)
	tagPattern     = regexp.MustCompile(`<[^>]*>`)
)

// why asks the inspector of a node.
func (p *process) why(t *testing.T, user, offset string) (a answer) {
	t.Helper()
	query := url.Values{"user": {user}, "offset": {offset}}.Encode()
	status, text := p.get(t, "/inspector/why?"+query)
	verdict := verdictPattern.FindStringSubmatch(text)
	if status != http.StatusOK || verdict == nil {
		t.Fatalf("status %d: %s", status, text)
	}
	plain := func(s string) string {
		return strings.Join(strings.Fields(html.UnescapeString(tagPattern.ReplaceAllString(s, " "))), " ")
	}
	a.verdict = plain(verdict[1])
	for _, step := range stepPattern.FindAllString(text, -1) {
		a.steps = append(a.steps, plain(step))
	}
	return a
}

// has reports whether the verdict contains a text, and one step each of the others.
func (a *answer) has(verdict string, steps ...string) bool {
	return strings.Contains(a.verdict, verdict) && !slices.ContainsFunc(steps, func(text string) bool {
		return !slices.ContainsFunc(a.steps, func(step string) bool { return strings.Contains(step, text) })
	})
}

// A record is what a process writes to its standard error.
type record struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.text.String()
}

// A line is one of a node's log.
type line struct {
	Message string        `json:"msg"`
	Level   string        `json:"level"`
	Node    string        `json:"node"`
	Part    string        `json:"part"`
	After   time.Duration `json:"after"`
	From    string        `json:"from"`
	To      string        `json:"to"`
	Cause   string        `json:"cause"`
	Count   uint64        `json:"count"`
}

// logged returns the lines of a kind that the node has logged.
func (p *process) logged(message string) (lines []line) {
	for text := range strings.Lines(p.stderr.String()) {
		var l line
		if json.Unmarshal([]byte(text), &l) == nil && l.Message == message {
			lines = append(lines, l)
		}
	}
	return lines
}
