//go:build unix

package firefoxtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Tab is a page of a [Browser].
type Tab struct {
	conn *conn
	id   string
}

// A place is a page in the tree of a browser's pages.
type place struct {
	Context string `json:"context"`
	URL     string `json:"url"`
}

func (c *conn) places(ctx context.Context, params fields) ([]place, error) {
	var tree struct {
		Contexts []place `json:"contexts"`
	}
	err := c.call(ctx, "browsingContext.getTree", params, &tree)
	return tree.Contexts, err
}

// Open opens a page in a new tab in front of the others, and waits until it has
// loaded.
func (b *Browser) Open(ctx context.Context, address string) (*Tab, error) {
	var created place
	if err := b.conn.call(ctx, "browsingContext.create", fields{"type": "tab"}, &created); err != nil {
		return nil, err
	}
	t := &Tab{b.conn, created.Context}
	return t, t.Visit(ctx, address)
}

// Find waits for a tab with a page of that address, such as one that a
// notification has opened.
func (b *Browser) Find(ctx context.Context, address string) (*Tab, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, fmt.Errorf("no tab with %s in %s", address, Patience))
	defer cancel()
	var found *Tab
	err := until(ctx, func() (bool, error) {
		places, err := b.conn.places(ctx, fields{"maxDepth": 0})
		for _, p := range places {
			if p.URL == address {
				found = &Tab{b.conn, p.Context}
			}
		}
		return found != nil, err
	})
	return found, err
}

// Pages returns the addresses of the pages in all tabs.
func (b *Browser) Pages(ctx context.Context) ([]string, error) {
	places, err := b.conn.places(ctx, fields{"maxDepth": 0})
	var addresses []string
	for _, p := range places {
		addresses = append(addresses, p.URL)
	}
	return addresses, err
}

// CloseTabs closes all tabs but an empty new one, without which the browser would end.
func (b *Browser) CloseTabs(ctx context.Context) error {
	places, err := b.conn.places(ctx, fields{"maxDepth": 0})
	if err != nil {
		return err
	}
	if _, err := b.Open(ctx, "about:blank"); err != nil {
		return err
	}
	for _, p := range places {
		err = errors.Join(err, (&Tab{b.conn, p.Context}).Close(ctx))
	}
	return err
}

// Permit sets a permission of an origin, such as notifications, to granted, denied
// or prompt.
func (b *Browser) Permit(ctx context.Context, origin, name, state string) error {
	return b.conn.call(ctx, "permissions.setPermission", fields{
		"descriptor": fields{"name": name}, "state": state, "origin": origin,
	}, nil)
}

// Visit opens another page in the tab and waits until it has loaded.
func (t *Tab) Visit(ctx context.Context, address string) error {
	return t.conn.call(ctx, "browsingContext.navigate", fields{"context": t.id, "url": address, "wait": "complete"}, nil)
}

// Activate puts the tab in front of the others.
func (t *Tab) Activate(ctx context.Context) error {
	return t.conn.call(ctx, "browsingContext.activate", fields{"context": t.id}, nil)
}

// Close closes the tab.
func (t *Tab) Close(ctx context.Context) error {
	return t.conn.call(ctx, "browsingContext.close", fields{"context": t.id}, nil)
}

// Eval evaluates an expression in the page, waits for it if it is a promise, and
// stores what it is as JSON. Nothing is stored if value is nil.
func (t *Tab) Eval(ctx context.Context, expression string, value any) error {
	return t.evaluate(ctx, expression, false, value)
}

// EvalByUser is Eval in a page on which the user has just clicked, so that the
// expression may ask for permissions.
func (t *Tab) EvalByUser(ctx context.Context, expression string, value any) error {
	return t.evaluate(ctx, expression, true, value)
}

func (t *Tab) evaluate(ctx context.Context, expression string, clicked bool, value any) error {
	var result struct {
		Type   string `json:"type"` // success or exception
		Result struct {
			Value string `json:"value"`
		} `json:"result"`
		Exception struct {
			Text string `json:"text"`
		} `json:"exceptionDetails"`
	}
	err := t.conn.call(ctx, "script.evaluate", fields{
		"expression":     "(async () => JSON.stringify(await (" + expression + "\n)) ?? 'null')()",
		"target":         fields{"context": t.id},
		"awaitPromise":   true,
		"userActivation": clicked,
	}, &result)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", expression, err)
	case result.Type != "success":
		return fmt.Errorf("%s: %s", expression, result.Exception.Text)
	case value == nil:
		return nil
	}
	return json.Unmarshal([]byte(result.Result.Value), value)
}

// until calls f again and again until it returns true or an error.
func until(ctx context.Context, f func() (bool, error)) error {
	again := time.NewTicker(25 * time.Millisecond)
	defer again.Stop()
	for {
		if done, err := f(); done || err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
