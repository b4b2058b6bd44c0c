package pull_test

import (
	"bufio"
	"context"
	"net/http"
	"testing"
)

// A stream is a page that hears by Server-Sent Events.
type stream struct {
	*http.Response
	lines *bufio.Reader
	close context.CancelFunc
}

func (a *app) stream(t *testing.T, user, query string, headers ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://app.test/pull"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set(userHeader, user)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := a.client.Do(r)
	if err != nil {
		t.Fatalf("stream: %v", err)
	}
	return &stream{response, bufio.NewReader(response.Body), func() { cancel(); _ = response.Body.Close() }}
}
