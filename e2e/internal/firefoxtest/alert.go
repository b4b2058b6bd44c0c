//go:build unix

package firefoxtest

import (
	"context"
	"fmt"
	"strings"
)

// An Alert is a notification that the browser shows.
type Alert struct {
	Title string `json:"title"`
	Body  string `json:"body"`

	window *Tab
}

// Alerts returns the notifications that the browser shows now. It shows one for a
// few seconds, so it may have gone although its worker still lists it.
func (b *Browser) Alerts(ctx context.Context) ([]Alert, error) {
	windows, err := b.conn.places(ctx, fields{"moz:scope": "chrome"})
	if err != nil {
		return nil, err
	}
	var alerts []Alert
	for _, w := range windows {
		if !strings.HasSuffix(w.URL, "/alerts/alert.xhtml") {
			continue
		}
		a := Alert{window: &Tab{b.conn, w.Context}}
		if a.window.Eval(ctx, readAlert, &a) == nil && a.Title != "" { // else it has just closed, or does not show yet
			alerts = append(alerts, a)
		}
	}
	return alerts, nil
}

const readAlert = `{
	title: document.getElementById("alertTitleLabel").value,
	body: document.getElementById("alertTextLabel").textContent,
}`

// Click waits for the notification with the title, and clicks it until it has gone: one
// that has only just opened ignores a click.
func (b *Browser) Click(ctx context.Context, title string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, fmt.Errorf("no notification %q in %s", title, Patience))
	defer cancel()
	clicked := false
	return until(ctx, func() (bool, error) {
		alerts, err := b.Alerts(ctx)
		for _, a := range alerts {
			if a.Title == title {
				clicked = a.window.Eval(ctx, `void document.getElementById("alertBox").click()`, nil) == nil || clicked
				return false, nil
			}
		}
		return clicked, err
	})
}
