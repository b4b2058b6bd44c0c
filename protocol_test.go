package pull_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
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

	"github.com/echo-pull/pull"
)

// An example in docs/protocol.md is a fenced block with a name after the language:
// ```json hello.
var exampleBlock = regexp.MustCompile("(?ms)^```(json|text) ([a-z0-9-]+)\n(.*?)^```$")

func protocolExamples(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile(root + "docs/protocol.md")
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

// oneLine returns an example as it is on the wire. The document breaks and indents
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

// TestProtocolPageShowsWhatIsSent makes a real server send everything that
// docs/protocol.md shows, and compares byte by byte. Only times, the epoch and the
// absolute values of offsets may differ.
func TestProtocolPageShowsWhatIsSent(t *testing.T) {
	examples := protocolExamples(t)
	synctest.Test(t, func(t *testing.T) {
		sent := conversation(t, examples)

		for name, want := range examples {
			got, said := sent[name]
			if !said {
				t.Errorf("nothing was sent for the example %q", name)
				continue
			}
			if got, want := normal(got), normal(want); got != want {
				t.Errorf("%s: got\n%s\nwant, as in docs/protocol.md,\n%s", name, got, want)
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
	anyMillis = regexp.MustCompile(`(\[\d+,)\d{12,13},`)
	anyTime   = regexp.MustCompile(`"server_time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ","server_time_unix":\d+\.\d{6}`)
	anyClock  = regexp.MustCompile(`("tick":\d+,"server_time_unix":)\d+\.\d{6}`)
	anyEpoch  = regexp.MustCompile(`("epoch":"|id: )[a-z2-7]{8}\b`)
	anySecond = regexp.MustCompile(`("7":)\d+(\.\d+)?`)
	anyGrant  = regexp.MustCompile(`"AQ[A-Za-z0-9_-]{50,}"`)
	anyOffset = regexp.MustCompile(`("offset":|"id":|id: EPOCH\.|\[)(\d+)`)
)

// normal replaces what differs between runs. Each offset becomes its rank among
// all offsets in the text, so that order and equality are kept.
func normal(text string) string {
	text = anyMillis.ReplaceAllString(text, "${1}TIME,")
	text = anyTime.ReplaceAllString(text, `"server_time":TIME`)
	text = anyClock.ReplaceAllString(text, "${1}TIME")
	text = anyEpoch.ReplaceAllString(text, "${1}EPOCH")
	text = anyGrant.ReplaceAllString(text, `"GRANT"`)
	text = anySecond.ReplaceAllString(text, "${1}SECONDS")
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

// conversation makes a server and clients send what the document shows, and returns
// it by name.
func conversation(t *testing.T, examples map[string]string) map[string]string {
	t.Helper()
	a := newApp(t, func(c *pull.Config) { c.Guests, c.MaxSessionsPerUser = true, 1 })
	said := make(map[string]string)
	a.withGrants()
	guest := a.dial(t, "", "?protocol=1")
	guest.hello(t)
	if err := a.Watch().Add("42", "TASK_7"); err != nil {
		t.Fatal(err)
	}

	p := a.dial(t, "42", "?client=2f0c1d9b7e5a4c3d")
	said["first-frame"] = p.frame(t, "hello")
	a.updateTask(t)
	said["event"] = p.frame(t, "update")
	said["event-v1"] = guest.frame(t, "update")
	more := event(`say "hi"`, map[string]any{"ID": 7, "unread": 0})
	more.PerUser, more.Extra = map[string]any{"42": map[string]any{"unread": 2}}, map[string]any{"by": "Ann"}
	sendEvent(t, a, pull.User("42"), more)
	said["event-extra"] = p.frame(t, `say \"hi\"`)
	at := eventCursor(t, said["first-frame"], said["event-extra"])
	said["tick"] = p.frame(t, "tick")
	said["refusal"] = a.refusal(t)

	visitor := a.dial(t, "7", "")
	said["user-online"] = p.frame(t, "user_online")
	_ = visitor.Close()
	said["user-offline"] = p.frame(t, "user_offline")
	said["extend"], said["watch-answer"] = p.ask(t, examples["extend"], "watch")
	said["seen"], said["seen-answer"] = p.ask(t, examples["seen"], "seen")
	own, _ := a.granted(t, "42", "ARTICLE_5")
	said["page-watch"], said["grants"] = p.ask(t, `{"watch":["`+own+`"]}`, "grants")
	said["page-unwatch"] = p.unwatches(t, a, own)
	posted := a.do(t, http.MethodPost, "/pull/watch", examples["extend"], userHeader, "42")
	said["post-answer"] = strings.TrimSpace(text(posted))

	quit(p)
	a.updateTask(t)
	send(t, a, pull.User("9"), "elsewhere")
	synctest.Wait()
	p = a.dial(t, "42", "?cursor="+at)
	said["recovered-frame"] = p.frame(t, "hello")
	a.showTask(t)
	said["fragment"] = p.frame(t, "render")
	quit(p)

	h := a.html(t, "42", "")
	h.block(t) // the position
	a.showTask(t)
	said["html-htmx"] = h.block(t) + "\n"
	a.updateTask(t)
	said["html-event"] = h.block(t) + "\n"
	h.close()
	h = a.html(t, "42", "?format=datastar")
	h.block(t)
	a.showTask(t)
	said["html-datastar"] = h.block(t) + "\n"
	h.close()

	s := a.stream(t, "42", "")
	s.hello(t)
	a.updateTask(t)
	said["sse-event"] = s.block(t) + "\n"
	said["sse-tick"] = s.block(t) + "\n" + s.block(t) + "\n"
	talk(t, examples, said)
	stopped := make(chan struct{})
	go func() { defer close(stopped); a.stop(t) }()
	said["sse-close"] = s.block(t) + "\n"
	s.close()
	<-stopped
	saySession(t, said, examples)
	return said
}

// talk makes pages send messages to one another.
func talk(t *testing.T, examples, said map[string]string) {
	t.Helper()
	a := talking(t, nil)
	defer a.stop(t)
	p, first, second := connected(t, a, "42", "?client=2f0c1d9b7e5a4c3d"), connected(t, a, "7", "?protocol=1"), connected(t, a, "7", "")
	said["send"], said["sent"] = p.ask(t, examples["send"], "sent")
	said["page-message"], said["page-message-v1"] = second.frame(t, "typing"), first.frame(t, "typing")
	body := strings.TrimSuffix(strings.TrimPrefix(examples["send"], `{"send":`), "}")
	said["post-sent"] = strings.TrimSpace(text(a.do(t, http.MethodPost, "/pull/send", body, userHeader, "42")))
}

// saySession adds what a page and a server with sessions send.
func saySession(t *testing.T, said, examples map[string]string) {
	t.Helper()
	var l accounts
	until := time.Unix(1795452000, 0)
	l.of = map[string]pull.Session{"key": {User: "42", Until: until}}
	pass(time.Until(until.Add(-time.Minute)))
	a := l.app(t, nil)
	defer a.stop(t)
	p := a.dial(t, "key", "?client=2f0c1d9b7e5a4c3d")
	said["session"] = p.frame(t, "session")
	l.of["key"] = pull.Session{User: "42", Until: until.Add(30 * time.Minute)}
	said["session-request"] = examples["session-request"]
	response := a.do(t, http.MethodPost, "/pull/session", said["session-request"], userHeader, "key")
	said["session-answer"] = strings.TrimSpace(text(response))
}

func (a *app) showTask(t *testing.T) {
	t.Helper()
	f := pull.Fragment{Selector: "#task-7", HTML: template.HTML(`<li id="task-7">Tea</li>`), Version: 3}
	if err := a.Render(t.Context(), pull.User("42"), f); err != nil {
		t.Fatal(err)
	}
}

func (a *app) updateTask(t *testing.T) {
	t.Helper()
	if err := a.Send(t.Context(), pull.Shared(), event("update", map[string]any{"ID": 7})); err != nil {
		t.Fatal(err)
	}
}

// refusal returns the response to a second connection of the user.
func (a *app) refusal(t *testing.T) string {
	t.Helper()
	r := a.get(t, "/pull", userHeader, "42", "Accept", "text/event-stream")
	return fmt.Sprintf("%s %s\nRetry-After: %s\n\n%s", r.Proto, r.Status, r.Header.Get("Retry-After"), text(r))
}

// frame returns the next frame that contains the command.
func (p *page) frame(t *testing.T, command string) string {
	t.Helper()
	for {
		_, frame, err := p.ReadMessage()
		if err != nil {
			t.Fatalf("read: %v, want %s", err, command)
		}
		if text := string(frame); strings.Contains(text, `"command":"`+command+`"`) || strings.Contains(text, `:`+command+`",`) {
			return string(frame)
		}
	}
}

// ask sends a frame from the page. A response proves that the frame is valid.
func (p *page) ask(t *testing.T, frame, command string) (asked, answer string) {
	t.Helper()
	if err := p.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		t.Fatal(err)
	}
	return frame, p.frame(t, command)
}

// unwatches ends the only watch of a page.
func (p *page) unwatches(t *testing.T, a *app, grant string) (asked string) {
	t.Helper()
	asked = `{"unwatch":["` + grant + `"]}`
	if err := p.WriteMessage(websocket.TextMessage, []byte(asked)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	if got := a.Watch().Pages("ARTICLE_5"); got != 0 {
		t.Errorf("%d pages watch after unwatch, want none", got)
	}
	return asked
}

// eventCursor returns the cursor of a page after a hello and then an event.
func eventCursor(t *testing.T, hello, event string) string {
	t.Helper()
	var first, second []message
	if err := errors.Join(json.Unmarshal([]byte(hello), &first), json.Unmarshal([]byte(event), &second)); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s.%d", first[0].Params["epoch"], second[0].ID)
}
