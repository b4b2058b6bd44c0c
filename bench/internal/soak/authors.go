package soak

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Authors send the numbered events. Each line has one author at a time, which waits
// for the response before it sends the next letter.
type authors struct {
	http  *http.Client
	tally *tally

	mu   sync.Mutex // guards ends
	ends map[line]int
}

// every calls send again and again until it fails or ctx is done.
func every(ctx context.Context, pause time.Duration, send func() error) error {
	for wait(ctx, pause) {
		if err := send(); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// next returns the next letter of a line.
func (a *authors) next(l line) letter {
	a.mu.Lock()
	defer a.mu.Unlock()
	return letter{l, a.ends[l] + 1, time.Now()}
}

// sent notes that a letter was sent.
func (a *authors) sent(l letter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ends[l.line] = l.number
}

// last returns the numbers of the last letters.
func (a *authors) last() map[line]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.ends)
}

// say sends the next letter of a line. A user who has left gets nothing, which is no
// error.
func (a *authors) say(ctx context.Context, s *server, l line, target url.Values, padding string) error {
	next := a.next(l)
	target.Set("text", next.String()+padding)
	status, err := a.post(ctx, s, http.MethodPost, "/say", target)
	switch {
	case err != nil:
		return err
	case status == http.StatusOK:
		a.sent(next)
	case status != http.StatusConflict:
		return fmt.Errorf("POST /say: status %d", status)
	}
	return nil
}

// toEveryone returns the target of a letter to everyone.
func toEveryone() url.Values { return url.Values{"to": {"everyone"}} }

func toUser(name string) url.Values { return url.Values{"to": {"user"}, "at": {name}} }

func toPage(path string) url.Values { return url.Values{"to": {"page"}, "at": {path}} }

// change adds a task whose title is a letter, and removes those that the list has
// too many of. The server may be down: then it is not known whether the task was added.
func (a *authors) change(ctx context.Context, s *server) error {
	next := a.next(tasks)
	status, err := a.post(ctx, s, http.MethodPost, "/tasks", url.Values{"title": {next.String()}})
	a.sent(next)
	if err != nil || status != http.StatusOK {
		a.tally.doubt(next.number)
		return nil //nolint:nilerr // the letter is in doubt
	}
	return a.tidy(ctx, s)
}

// tidy removes tasks from the list as long as it has more than a screen of them.
func (a *authors) tidy(ctx context.Context, s *server) error {
	const keep = 20
	r, err := request(ctx, s, http.MethodGet, "/", nil)
	if err != nil {
		return err
	}
	response, err := a.http.Do(r)
	if err != nil {
		return nil // the server is down
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, _ := io.ReadAll(response.Body)
	ids := regexp.MustCompile(`action="/tasks/([^"]+)" data-send="DELETE"`).FindAllSubmatch(text, -1)
	for _, id := range ids[:max(len(ids)-keep, 0)] {
		_, _ = a.post(ctx, s, http.MethodDelete, "/tasks/"+string(id[1]), nil)
	}
	return nil
}

// post sends a form and returns the status of the response.
func (a *authors) post(ctx context.Context, s *server, method, path string, form url.Values) (int, error) {
	r, err := request(ctx, s, method, path, form)
	if err != nil {
		return 0, err
	}
	response, err := a.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// request returns a request of the user author.
func request(ctx context.Context, s *server, method, path string, form url.Values) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url()+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", map[bool]string{true: "text/html"}[method == http.MethodGet])
	r.Header.Set("Cookie", "name=author")
	return r, nil
}
