//go:build unix

// Package webkittest drives WebKitGTK's small browser over WebDriver, on a virtual
// display.
package webkittest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Patience bounds the start of the browser and each call.
const Patience = 40 * time.Second

// ErrMissing is returned by [Start] if a program is missing.
var ErrMissing = errors.New("no WebKitGTK: install the packages webkit2gtk-driver and xvfb, or set WEBKIT to the path of MiniBrowser")

// A Browser is a running WebKitGTK with one page.
type Browser struct {
	display, driver *process
	session         string // its address
}

// Start starts a browser whose files are in dir. It ends when this process does.
func Start(ctx context.Context, dir string) (*Browser, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, fmt.Errorf("WebKitGTK has not started in %s", Patience))
	defer cancel()
	program, err := find()
	if err != nil {
		return nil, err
	}
	b := new(Browser)
	if err := b.start(ctx, dir, program); err != nil {
		b.Kill()
		return nil, err
	}
	return b, nil
}

// find returns the path of the browser: WEBKIT, or the one of the package.
func find() (string, error) {
	for _, needed := range []string{"Xvfb", "WebKitWebDriver"} {
		if _, err := exec.LookPath(needed); err != nil {
			return "", ErrMissing
		}
	}
	installed, err := filepath.Glob("/usr/lib/*/webkit2gtk-4.*/MiniBrowser")
	for _, path := range append([]string{os.Getenv("WEBKIT")}, installed...) {
		if _, missing := os.Stat(path); missing == nil {
			return path, nil
		}
	}
	return "", errors.Join(ErrMissing, err)
}

func (b *Browser) start(ctx context.Context, dir, program string) (err error) {
	if b.display, err = launch(dir, "display", nil, "Xvfb", "-displayfd", "1", "-nolisten", "tcp"); err != nil {
		return err
	}
	number, err := b.display.printed(ctx, "\n") // which it prints once it is ready
	if err != nil {
		return err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := free.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener has no other
	if err := free.Close(); err != nil {
		return err
	}
	b.driver, err = launch(dir, "driver", []string{
		"DISPLAY=:" + strings.TrimSpace(number),
		"WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1", // the sandbox does not start for root, and the page is our own
		"WEBKIT_DISABLE_COMPOSITING_MODE=1",
	}, "WebKitWebDriver", "--host=127.0.0.1", fmt.Sprintf("--port=%d", port))
	if err != nil {
		return err
	}
	b.session = fmt.Sprintf("http://127.0.0.1:%d/session", port)
	var opened struct {
		ID string `json:"sessionId"`
	}
	capabilities := map[string]any{"webkitgtk:browserOptions": map[string]any{"binary": program, "args": []string{"--automation"}}}
	err = b.driver.until(ctx, func() (bool, error) {
		err := b.call(ctx, "", map[string]any{"capabilities": map[string]any{"alwaysMatch": capabilities}}, &opened)
		var refused *net.OpError
		if errors.As(err, &refused) {
			return false, nil // it does not listen yet
		}
		return true, err
	})
	b.session += "/" + opened.ID
	return err
}

// Kill ends all processes of the browser and waits for them.
func (b *Browser) Kill() {
	for _, p := range []*process{b.driver, b.display} {
		if p != nil {
			p.kill()
		}
	}
}

// Visit opens an address.
func (b *Browser) Visit(ctx context.Context, address string) error {
	return b.call(ctx, "/url", map[string]any{"url": address}, nil)
}

// Eval stores the value of an expression in the variable to which value points.
func (b *Browser) Eval(ctx context.Context, expression string, value any) error {
	return b.call(ctx, "/execute/sync", map[string]any{"script": "return " + expression, "args": []any{}}, value)
}

// call sends a command of WebDriver and decodes the result.
func (b *Browser) call(ctx context.Context, path string, params map[string]any, result any) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.session+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	return send(r, result)
}

// get requests a value of WebDriver.
func (b *Browser) get(ctx context.Context, path string, result any) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.session+path, http.NoBody)
	if err != nil {
		return err
	}
	return send(r, result)
}

// send sends a request and decodes the result.
func send(r *http.Request, result any) error {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("WebKitWebDriver: %s: %s", response.Status, text)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(text, &struct {
		Value any `json:"value"`
	}{result})
}
