package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// aroundPrinted is the rest of the configuration: nginx runs as a child of the
// test, with all files in its own directory. The first %s is the user directive,
// which only root may set.
const aroundPrinted = `daemon off; pid nginx.pid; error_log stderr; %s
events {}
http {
	access_log off;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
%s}
`

var nginxBlock = regexp.MustCompile("(?ms)^```nginx\n(.*?)^```$")

// printedNginx returns the block in docs/production.md, with the addresses of this test.
func printedNginx(t *testing.T, listen string, apps ...string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/production.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := nginxBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 1 {
		t.Fatalf("%d blocks for nginx in docs/production.md, want one", len(blocks))
	}
	printed := blocks[0][1]
	for example, here := range map[string]string{"listen 80;": "listen " + listen + ";", "127.0.0.1:8080": strings.Join(apps, "; server ")} {
		if strings.Count(printed, example) != 1 {
			t.Fatalf("docs/production.md does not print %q once", example)
		}
		printed = strings.ReplaceAll(printed, example, here)
	}
	return printed
}

// findNginx returns the path of nginx, which may not be in PATH.
func findNginx(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no nginx: install the package nginx-light")
	}
	t.Skip("no nginx: install the package nginx-light")
	return ""
}

// behindNginx runs nginx in front of applications with these URLs, configured as
// docs/production.md shows, and returns its address. nginx inherits the listener, as it does from
// its predecessor during an update, so no other process can take the port and
// early connections wait until it has started.
func behindNginx(t *testing.T, urls ...string) string {
	t.Helper()
	path, dir := findNginx(t), t.TempDir()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	socket, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	addr := listener.Addr().String()
	apps := make([]string, 0, len(urls))
	for _, url := range urls {
		apps = append(apps, strings.TrimPrefix(url, "http://"))
	}
	config := fmt.Sprintf(aroundPrinted, user, printedNginx(t, addr, apps...))
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}

	nginx := exec.Command(path, "-e", "stderr", "-p", dir, "-c", "nginx.conf")
	nginx.Stderr = os.Stderr
	nginx.ExtraFiles = []*os.File{socket}
	nginx.Env = append(os.Environ(), "NGINX=3;")
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(nginx.Process.Signal(syscall.SIGTERM), nginx.Wait()); err != nil {
			t.Errorf("nginx: %v", err)
		}
	})
	return "http://" + addr
}

// transport fails the test unless the page is connected by that transport.
func (p *tab) transport(want string) {
	p.Helper()
	p.connected()
	if got := value[string](p, "BX.PULL.getDebugInfo().transport"); got != want {
		p.Errorf("transport %q, want %q", got, want)
	}
}

func TestNginxAsPrintedCarriesWebSocketsAcrossARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *pull.Config) { c.StateFile = filepath.Join(t.TempDir(), "state") })
	page := newPerson(t, "ann").open(t, behindNginx(t, s.url)+"/page")
	page.transport("websocket")
	s.send(pull.User("ann"), 1)
	page.heard(1)

	s.stop()
	page.until("!BX.PULL.isConnected()")
	s.start(strings.TrimPrefix(s.url, "http://"))
	s.send(pull.User("ann"), 2, 3)

	page.transport("websocket")
	s.send(pull.User("ann"), 4)
	page.heard(1, 2, 3, 4)
	page.clean("WebSocket", "502")
}

func TestNginxAsPrintedCarriesStreamsAcrossARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *pull.Config) { c.StateFile = filepath.Join(t.TempDir(), "state") })
	s.breakWith(refuseUpgrades)
	page := newPerson(t, "ann").open(t, behindNginx(t, s.url)+"/page?watch=TASK_7")
	page.transport("sse")
	s.send(pull.Tag("TASK_7"), 1)
	page.heard(1)

	s.restart()
	s.send(pull.User("ann"), 2, 3)

	page.heard(1, 2, 3)
	page.transport("sse")
	page.clean("WebSocket", "400", "426", "502")
}

// through sends a request through nginx, as a page of that origin would.
func through(t *testing.T, method, address, origin, body string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "name", Value: "ann"})
	r.Header.Set("Origin", origin)
	if method == http.MethodGet {
		r.Header.Set("Accept", "text/event-stream")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func TestNginxAsPrintedHoldsNothingBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	url := behindNginx(t, s.url)
	through(t, http.MethodGet, url+"/page?watch=TASK_7", url, "")
	stream := bufio.NewScanner(through(t, http.MethodGet, url+"/pull?client=0123456789abcdef", url, "").Body)
	next := func(words string) {
		t.Helper()
		for stream.Scan() {
			if strings.Contains(stream.Text(), words) {
				return
			}
		}
		t.Fatalf("the stream ended before %s: %v", words, stream.Err())
	}

	next(`"command":"hello"`) // each arrives while the stream is open; the stream has no end
	s.send(pull.User("ann"), 1)
	next(`"params":{"n":1}`)
	watch := through(t, http.MethodPost, url+"/pull/watch", url, `{"extend":["TASK_7","TASK_8"]}`)
	answer, err := bufio.NewReader(watch.Body).ReadString('}')
	if err != nil || answer != `{"TASK_7":true,"TASK_8":false}` {
		t.Errorf("watch answers %q, %v, want the one that was granted", answer, err)
	}
	s.send(pull.Tag("TASK_7"), 2)
	next(`"params":{"n":2}`)
}

func TestNginxAsPrintedKeepsTheOrigin(t *testing.T) {
	t.Parallel()
	url := behindNginx(t, newSite(t, nil).url)
	for origin, want := range map[string]int{
		url:                     http.StatusSwitchingProtocols,
		"http://localhost":      http.StatusForbidden,
		"http://127.0.0.1:8080": http.StatusForbidden, // the application's own address is not the site's
	} {
		header := http.Header{"Origin": {origin}, "Cookie": {"name=ann"}}
		socket, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/pull", header)
		if err == nil {
			_ = socket.Close()
		}
		if response == nil || response.StatusCode != want {
			t.Errorf("from %s: %v, %v, want status %d", origin, response, err, want)
		}
	}
}
