//go:build unix

package firefoxtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ErrMissing is returned by [Find] if there is no Firefox.
var ErrMissing = errors.New("no Firefox: install the package firefox-esr, or set FIREFOX to its path")

// Find returns the browser's path: FIREFOX, or an installed one.
func Find() (string, error) {
	for _, name := range []string{os.Getenv("FIREFOX"), "firefox-esr", "firefox"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path, nil
		}
	}
	return "", ErrMissing
}

// A Browser is a running Firefox. It is safe for concurrent use.
type Browser struct {
	process *process
	conn    *conn
}

// Start starts the Firefox at path with a profile that it keeps in dir, and with
// preferences beside those that tests need. It ends when this process does. A
// browser that is started in the same directory after [Browser.Kill] has the
// profile of the first.
func Start(ctx context.Context, path, dir string, preferences map[string]any) (*Browser, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, fmt.Errorf("%s has not started in %s", path, Patience))
	defer cancel()
	profile := filepath.Join(dir, "profile")
	if err := writePreferences(profile, preferences); err != nil {
		return nil, err
	}
	p, err := launch(dir, path, "--headless", "--no-remote", "--remote-debugging-port", "0",
		"--remote-allow-system-access", "-profile", profile, "about:blank")
	if err != nil {
		return nil, err
	}
	b := &Browser{process: p}
	address, err := p.address(ctx)
	if err == nil {
		b.conn, err = dial(ctx, address)
	}
	if err != nil {
		p.kill()
		return nil, err
	}
	return b, nil
}

// Kill kills all processes of the browser with SIGKILL and waits for them.
func (b *Browser) Kill() {
	b.process.kill()
	b.conn.close()
}

// quiet are the preferences of a browser without a user: it asks nothing, sends no
// requests of its own, and starts after a crash as usual.
var quiet = map[string]any{
	"app.normandy.enabled":                            false,
	"app.update.disabledForTesting":                   true,
	"browser.aboutwelcome.enabled":                    false,
	"browser.newtabpage.enabled":                      false,
	"browser.safebrowsing.downloads.enabled":          false,
	"browser.safebrowsing.malware.enabled":            false,
	"browser.safebrowsing.phishing.enabled":           false,
	"browser.sessionstore.resume_from_crash":          false,
	"browser.shell.checkDefaultBrowser":               false,
	"browser.startup.page":                            0,
	"browser.topsites.contile.enabled":                false,
	"datareporting.policy.dataSubmissionEnabled":      false,
	"extensions.systemAddon.update.enabled":           false,
	"extensions.update.enabled":                       false,
	"media.gmp-manager.updateEnabled":                 false,
	"network.captive-portal-service.enabled":          false,
	"network.connectivity-service.enabled":            false,
	"security.remote_settings.crlite_filters.enabled": false,
	"services.settings.server":                        "data:,",
	"toolkit.startup.max_resumed_crashes":             -1,
	"toolkit.telemetry.enabled":                       false,

	// Notifications are windows of the browser, which this package finds. The
	// desktop's service is not there in headless mode.
	"alerts.useSystemBackend": false,

	// WebDriver sets this for tests of pages. With it, a worker that focuses a page
	// does not get its tab to the front.
	"focusmanager.testmode": false,

	// A worker may open a window for a second after a click. On a machine that is
	// busy it starts later than that.
	"dom.serviceWorkers.disable_open_click_delay": 20_000,
}

func writePreferences(profile string, more map[string]any) error {
	if err := os.MkdirAll(profile, 0o700); err != nil {
		return err
	}
	all := maps.Clone(quiet)
	maps.Copy(all, more)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value, err := json.Marshal(all[name])
		if err != nil {
			return fmt.Errorf("preference %s: %w", name, err)
		}
		fmt.Fprintf(&text, "user_pref(%q, %s);\n", name, value)
	}
	return os.WriteFile(filepath.Join(profile, "user.js"), []byte(text.String()), 0o600)
}
