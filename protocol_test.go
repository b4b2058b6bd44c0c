package pull_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

// An example of docs/protocol.md is a fenced block whose info string has a name
// after the language: ```json hello.
var exampleBlock = regexp.MustCompile("(?ms)^```(json|text) ([a-z-]+)\n(.*?)^```$")

func protocolExamples(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := make(map[string]string)
	for _, block := range exampleBlock.FindAllStringSubmatch(string(page), -1) {
		name := block[2]
		if examples[name] != "" {
			t.Errorf("two examples are called %q", name)
		}
		examples[name] = oneLine(t, name, block[1], block[3])
	}
	return examples
}

// oneLine returns an example as it is on the wire: the page breaks and indents
// long lines.
func oneLine(t *testing.T, name, language, text string) string {
	t.Helper()
	if language == "text" {
		return regexp.MustCompile(`\n +`).ReplaceAllString(text, "")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		t.Fatalf("example %s: %v", name, err)
	}
	return compact.String()
}

// TestProtocolPageShowsWhatIsSent has a real server say everything of which
// docs/protocol.md gives an example, and compares byte by byte. Only times, the
// epoch and the absolute size of offsets may differ.
func TestProtocolPageShowsWhatIsSent(t *testing.T) {
	examples := protocolExamples(t)
	synctest.Test(t, func(t *testing.T) {
		sent := conversation(t, examples)

		for name, want := range examples {
			got, said := sent[name]
			if !said {
				t.Errorf("nothing says what the page calls %q", name)
				continue
			}
			if got, want := normal(got), normal(want); got != want {
				t.Errorf("%s: the server says\n%s\nwant, as on the page,\n%s", name, got, want)
			}
		}
		for name := range sent {
			if examples[name] == "" {
				t.Errorf("the page has no example %q", name)
			}
		}
	})
}

var (
	anyTime   = regexp.MustCompile(`"server_time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ","server_time_unix":\d+\.\d{6}`)
	anyEpoch  = regexp.MustCompile(`("epoch":"|id: )[a-z2-7]{8}\b`)
	anyOffset = regexp.MustCompile(`("offset":|"id":|id: EPOCH\.)(\d+)`)
)

// normal replaces what differs from run to run. Offsets become their rank among
// all that are in the text, so that order and equality stay.
func normal(text string) string {
	text = anyTime.ReplaceAllString(text, `"server_time":TIME`)
	text = anyEpoch.ReplaceAllString(text, "${1}EPOCH")
	var offsets []int
	for _, found := range anyOffset.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(found[2])
		offsets = append(offsets, n)
	}
	slices.Sort(offsets)
	offsets = slices.Compact(offsets)
	return anyOffset.ReplaceAllStringFunc(text, func(found string) string {
		parts := anyOffset.FindStringSubmatch(found)
		n, _ := strconv.Atoi(parts[2])
		return fmt.Sprintf("%s#%d", parts[1], slices.Index(offsets, n))
	})
}

// conversation has a server and clients say what the page shows: name → text.
func conversation(t *testing.T, examples map[string]string) map[string]string {
	t.Helper()
	a := newApp(t, func(c *pull.Config) { c.Guests, c.WindowCount = true, 100 })
	a.echo.Pre(middleware.RemoveTrailingSlash())
	stopped := false
	defer func() {
		if !stopped {
			a.stop(t)
		}
	}()
	said := make(map[string]string)
	task := func() {
		if err := a.Send(t.Context(), pull.User("42"), event("update", map[string]any{"ID": 7})); err != nil {
			t.Fatal(err)
		}
	}

	guest := a.dial(t, "", "")
	guest.hello(t)
	if err := a.Watch().Add("42", "TASK_7"); err != nil {
		t.Fatal(err)
	}

	p := a.dial(t, "42", "?client=k2f9")
	said["first-frame"] = p.frame(t)
	task()
	said["event"] = p.frame(t)
	said["tick"] = p.frameWith(t, `"tick"`)
	for _, ask := range []string{"extend", "seen"} {
		if err := p.WriteMessage(websocket.TextMessage, []byte(examples[ask])); err != nil {
			t.Fatal(err)
		}
		said[ask] = examples[ask] // the answer tells that it was understood
	}
	said["watch-answer"] = p.frameWith(t, `"watch"`)
	said["seen-answer"] = p.frameWith(t, `"seen"`)
	_ = guest
	_ = io.EOF
	_ = http.MethodGet
	_ = time.Second
	_ = strings.Cut
	return said
}

// frame returns the next frame as it is.
func (p *page) frame(t *testing.T) string {
	t.Helper()
	_, frame, err := p.ReadMessage()
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(frame)
}

// frameWith returns the next frame that has a text in it.
func (p *page) frameWith(t *testing.T, text string) string {
	t.Helper()
	for {
		if frame := p.frame(t); strings.Contains(frame, text) {
			return frame
		}
	}
}
