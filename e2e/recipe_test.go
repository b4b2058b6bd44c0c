package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/servertest"
)

// A recipe is the example in React: its server, and Vite's, which serves its page.
type recipe struct {
	t         *testing.T
	program   string
	api, page string // host and port
	server    *exec.Cmd
}

func startRecipe(t *testing.T) *recipe {
	t.Helper()
	const source = "../example/react"
	if _, err := os.Stat(source + "/node_modules"); errors.Is(err, os.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("no Vite: run npm ci in example/react")
	}
	r := &recipe{t: t, program: filepath.Join(t.TempDir(), "react"), api: freeAddr(t), page: freeAddr(t)}
	build := exec.Command("go", "build", "-o", r.program, "./example/react")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build ./example/react: %v\n%s", err, out)
	}
	_, port, _ := net.SplitHostPort(r.page)
	vite := exec.Command("node", "node_modules/vite/bin/vite.js", "--host", "127.0.0.1", "--port", port)
	vite.Dir, vite.Env = source, append(os.Environ(), "VITE_API=http://"+r.api)
	r.run(vite, r.page)
	r.start()
	return r
}

func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := servertest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// start returns once the server accepts connections.
func (r *recipe) start(args ...string) {
	r.t.Helper()
	r.server = exec.Command(r.program, append(args, "-addr", r.api, "-page", "http://"+r.page)...)
	r.run(r.server, r.api)
}

// run starts a server, which the end of the test kills.
func (r *recipe) run(cmd *exec.Cmd, addr string) {
	r.t.Helper()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { end(cmd) })
	eventually(r.t, cmd.Path+" listens", func() bool {
		conn, err := new(net.Dialer).DialContext(r.t.Context(), "tcp", addr)
		return err == nil && conn.Close() == nil
	})
}

// end kills a server, unless it is dead.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// enter opens the page and logs in.
func (r *recipe) enter(name string) *tab {
	r.t.Helper()
	page := newPerson(r.t, "").open(r.t, "http://"+r.page)
	page.fill("name", name)
	page.until(`document.querySelector("p")?.textContent === "online"`)
	return page
}

// fill submits the page's form with a value in its only field.
func (p *tab) fill(field, text string) {
	p.Helper()
	p.until(fmt.Sprintf("document.querySelector('form [name=%s]')", field))
	p.run(fmt.Sprintf("document.querySelector('form [name=%s]').value = %q; document.querySelector('form').requestSubmit()", field, text))
}

func (p *tab) listed(want string) {
	p.Helper()
	p.until(fmt.Sprintf("[...document.querySelectorAll('li')].map((one) => one.textContent).join() === %q", want))
}

// add adds a task as a program that has logged in.
func (r *recipe) add(title string) {
	r.t.Helper()
	login := r.post("/login", url.Values{"name": {"eve"}}, nil)
	r.post("/tasks", url.Values{"title": {title}}, login)
}

// post returns the cookies that the server sets.
func (r *recipe) post(path string, form url.Values, cookies []*http.Cookie) []*http.Cookie {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.api+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, cookie := range cookies {
		request.AddCookie(cookie)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		r.t.Fatalf("%s: got status %d", path, response.StatusCode)
	}
	return response.Cookies()
}

// The tasks are in the server's memory: when it is killed they are gone, and so are
// those that the pages show.
func TestRecipeInReactIsRightAfterItsServerWasKilled(t *testing.T) {
	t.Parallel()
	r := startRecipe(t)
	ann, bob := r.enter("ann"), r.enter("bob")
	bob.fill("title", "one")
	ann.listed("one")
	bob.listed("one")

	end(r.server)
	r.start()
	r.add("two")

	ann.listed("two")
	bob.listed("two")
	bob.fill("title", "three")
	ann.listed("two,three")
	ann.visit("http://" + r.page)
	ann.listed("two,three")
	bob.clean("WebSocket", "ERR_CONNECTION_REFUSED", "401") // the first page asked who has logged in
}

func TestRecipeInReactShowsTheLoginWhenItIsNoLongerValid(t *testing.T) {
	t.Parallel()
	r := startRecipe(t)
	page := r.enter("ann")

	end(r.server)
	r.start("-key", "another")

	page.fill("name", "bob")
	page.until(`document.querySelector("p")?.textContent === "online"`)
}

func TestRecipeInReactRefusesPagesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	r := startRecipe(t)
	page := r.enter("ann")
	other := newSite(t, nil)
	page.visit(other.url + "/elsewhere") // on the same site, so that the browser sends the cookie

	page.run(fmt.Sprintf("new WebSocket('ws://%s/pull').onclose = () => document.title = 'closed'", r.api))
	page.until("document.title === 'closed'")
	page.run(fmt.Sprintf("fetch('http://%s/tasks', { credentials: 'include' }).catch(() => document.title = 'refused')", r.api))
	page.until("document.title === 'refused'")
}
