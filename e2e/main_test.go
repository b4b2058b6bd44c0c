package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// browser is the process in which every test opens its tabs; nil if there is no
// Chromium.
var browser context.Context

// program is the path of the built example.
var program string

func TestMain(m *testing.M) {
	code, err := runIn(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func runIn(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "pull-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if program, err = buildExample(dir); err != nil {
		return 1, err
	}
	defer endFirefox()
	path, err := findChromium()
	if errors.Is(err, errNoChromium) && os.Getenv("CI") == "" {
		return m.Run(), nil // the tests that need it are skipped
	}
	if err != nil {
		return 1, err
	}
	ctx, stop := startBrowser(path, dir)
	defer stop()
	if err := chromedp.Do(ctx); err != nil {
		return 1, fmt.Errorf("start %s: %w", path, err)
	}
	browser = ctx
	return m.Run(), nil
}

var errNoChromium = errors.New("no Chromium: install the package chromium, or set CHROMIUM to its path")

// findChromium returns the browser's path: CHROMIUM, or an installed one.
func findChromium() (string, error) {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path, nil
		}
	}
	return "", errNoChromium
}

// startBrowser prepares a browser that sends no network requests of its own, and
// that does not throttle background tabs.
func startBrowser(path, dir string) (context.Context, context.CancelFunc) {
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(dir + "/profile"),
		chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU,
	}
	for _, name := range []string{
		"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync",
		"disable-default-apps", "disable-extensions", "disable-dev-shm-usage", "disable-breakpad",
		"disable-background-timer-throttling", "disable-renderer-backgrounding", "disable-backgrounding-occluded-windows",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	options = append(options, chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	return ctx, func() {
		cancel()
		end()
	}
}

func buildExample(dir string) (string, error) {
	path := dir + "/example"
	build := exec.Command("go", "build", "-o", path, "./example")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./example: %w\n%s", err, out)
	}
	return path, nil
}
