package push

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/echo-pull/pull/internal/notification"
)

const (
	maxReasonBytes = 300

	// The wait before a retry doubles from shortestWait. A Retry-After above
	// longestWait counts as longestWait: a mistake in one response must not stop
	// all notifications for a day.
	shortestWait = 5 * time.Second
	longestWait  = time.Hour
	doublings    = 7
)

// A ServiceError is the refusal of a push service. 400, 401 and 403 mean in
// general that the application's keys, subject or clock are wrong, so they concern
// all notifications. No subscription is deleted for it.
type ServiceError struct {
	Host   string // of the push service, with the port if it is not 443
	Status int    // of the HTTP response
	Reason string // the service's own words: one line of up to 300 bytes, or empty
}

func (e *ServiceError) Error() string {
	text := fmt.Sprintf("push: %s: status %d", e.Host, e.Status)
	switch {
	case e.Status == http.StatusRequestEntityTooLarge:
		text += ", the notification is too large for this service"
	case e.Status >= 300 && e.Status < 400:
		text += ", a redirect, which is not followed"
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		text += ", the service refuses the application's keys, subject or token"
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

func isDelivered(status int) bool { return status >= 200 && status < 300 }

func isGone(status int) bool { return status == http.StatusNotFound || status == http.StatusGone }

func isTemporary(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500
}

// judge returns the error of a response. A Retry-After closes the gate of the
// service.
func (w *WebPusher) judge(t target, response *http.Response) error {
	reason := readReason(response.Body) // in any case, so that the connection can be used again
	if isDelivered(response.StatusCode) || isGone(response.StatusCode) {
		return nil
	}
	err := &ServiceError{Host: t.host, Status: response.StatusCode, Reason: reason}
	if !isTemporary(response.StatusCode) {
		return err
	}
	after := retryAfter(response.Header.Get("Retry-After"))
	if after > 0 {
		w.gates.close(t.host, after)
	}
	return &notification.RetryError{After: after, Err: err}
}

// readReason returns the begin of a body as one line of text.
func readReason(body io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(body, 4<<10)) // what came before an error is better than nothing
	line := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(text), ""))
	line = strings.Join(strings.Fields(line), " ")
	if len(line) > maxReasonBytes {
		line = strings.ToValidUTF8(line[:maxReasonBytes], "")
	}
	return line
}

// retryAfter returns the wait of a Retry-After header, which is in seconds or until
// a date, or 0 if there is none. It is bounded.
func retryAfter(header string) time.Duration {
	if header == "" {
		return 0
	}
	var wait time.Duration
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		wait = time.Until(date)
	} else {
		return 0
	}
	return min(max(wait, time.Second), longestWait)
}

// spread returns when to try again: somewhat after the wait of a Retry-After, so
// that not all come at once, or after a wait that grows with the attempts.
func spread(given time.Duration, attempts int) time.Duration {
	if given > 0 {
		return given + rand.N(given/10+time.Second) //nolint:gosec // no secret
	}
	wait := shortestWait << min(attempts, doublings)
	return wait/2 + rand.N(wait/2) //nolint:gosec // no secret
}
