package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSpellingOfEcho5(t *testing.T) {
	const head = "package pull_test\n\nimport (\n\t\"github.com/labstack/echo/v4\"\n\t\"github.com/labstack/echo/v4/middleware\"\n\n" +
		"\t\"github.com/echo-pull/pull\"\n\t\"github.com/echo-pull/pull/internal/memnet\"\n)\n\n"
	for name, tc := range map[string][2]string{
		"a handler":         {"func f(c echo.Context) error { return nil }", "func f(c *echo.Context) error { return nil }"},
		"two on a line":     {"func f(echo.Context, pull.Context) {}", "func f(*echo.Context, *pull.Context) {}"},
		"another's context": {"func f(c context.Context, e echo.HandlerFunc) {}", "func f(c context.Context, e echo.HandlerFunc) {}"},
		"comments":          {"// f takes an echo.Context.\nfunc f() {}", "// f takes an echo.Context.\nfunc f() {}"},
		"strings":           {`const s = "echo.Context"`, `const s = "echo.Context"`},
	} {
		got, err := port("dir/a_test.go", []byte(head+tc[0]))

		want := "//line dir/a_test.go:1\n" + strings.ReplaceAll(strings.Replace(head, `echo-pull/pull"`, `echo-pull/pull/v5"`, 1), "echo/v4", "echo/v5") + tc[1]
		if err != nil || string(got) != want {
			t.Errorf("%s: got %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
}

func TestWhatIsNotTranslated(t *testing.T) {
	for name, source := range map[string]string{
		"the package's own": "package pull\n",
		"only v4":           "//pull:only v4\n\npackage pull_test\n",
	} {
		if got, err := port("a_test.go", []byte(source)); got != nil || err != nil {
			t.Errorf("%s: got %q %v, want nothing", name, got, err)
		}
	}
	if got, err := port("a_test.go", []byte("package pull_test\n\n//pull:only v4\n")); got == nil || err != nil {
		t.Errorf("a directive after the package clause: got %q %v, want a translation", got, err)
	}
}

// The program of the example is complete, and its echo.go is that of v5.
func TestExampleIsTranslated(t *testing.T) {
	dir := t.TempDir()
	path, err := translate("../..", dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var o overlay
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"app.go": `"github.com/labstack/echo/v5"`, "main.go": "//go:embed pages static", "pages/tasks.html": "<!doctype html>", "echo.go": "",
	} {
		from := o.Replace[filepath.Join("../../v5/testdata/example", file)]
		if want == "" && from == "" {
			continue
		}
		got, err := os.ReadFile(from)
		if err != nil || want == "" || !strings.Contains(string(got), want) {
			t.Errorf("%s is %s: %v, want a file with %q", file, from, err, want)
		}
	}
}

func TestCommandsOfGo(t *testing.T) {
	for args, want := range map[string]string{
		"":                         "test -overlay o",
		"-race ./...":              "test -overlay o -race ./...",
		"run ./testdata/example":   "run -overlay o ./testdata/example",
		"build -o x ./a":           "build -overlay o -o x ./a",
		"./testdata/example build": "test -overlay o ./testdata/example build",
	} {
		if got := strings.Join(arguments("o", strings.Fields(args)), " "); got != want {
			t.Errorf("%s: got go %s, want go %s", args, got, want)
		}
	}
}
