// Port5 runs the tests of the root package against the plugin for Echo v5:
//
//	go run ./scripts/port5 [flags and arguments of go test]
//
// They are written for Echo v4. What differs in its spelling only is translated
// here; what differs more is behind the helpers of rim_test.go, which v5 has in
// a file of the same name. The translation is handed to go test as an overlay:
// nothing is written into the repository.
//
// A test file is translated unless it belongs to package pull itself, v5 has a
// file of that name, or a line of its own before the package clause says
//
//	//pull:only v4
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	err := run(os.Args[1:])
	var failed *exec.ExitError
	if errors.As(err, &failed) { // go test has said why
		os.Exit(failed.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "port5:", err)
		os.Exit(1)
	}
}

// run translates the test files and runs go test in v5.
func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) // else the directory would stay
	defer stop()
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "pull-port5-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := translate(root, dir)
	if err != nil {
		return err
	}
	test := exec.CommandContext(ctx, "go", append([]string{"test", "-overlay", overlay}, args...)...) //nolint:gosec // the caller's own arguments
	test.Dir = filepath.Join(root, "v5")
	test.Stdout, test.Stderr = os.Stdout, os.Stderr
	return test.Run()
}

// translate writes the translated files into dir, and returns the overlay that
// puts them into v5.
func translate(root, dir string) (overlay string, err error) {
	files, err := filepath.Glob(filepath.Join(root, "*_test.go"))
	if err != nil {
		return "", err
	}
	replace := make(map[string]string)
	for _, file := range files {
		to, text, err := translateFile(file)
		if err != nil {
			return "", err
		}
		if text == nil {
			continue
		}
		replace[to] = filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(replace[to], text, 0o600); err != nil {
			return "", err
		}
	}
	if len(replace) == 0 {
		return "", fmt.Errorf("no tests in %s: run this in the root of the repository", root)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// translateFile returns a test file for Echo v5 and its place in v5. The text is
// nil if v5 has a file of its own there, or the test is not for Echo v5.
func translateFile(file string) (to string, text []byte, err error) {
	to = filepath.Join(filepath.Dir(file), "v5", filepath.Base(file))
	if _, err := os.Stat(to); err == nil {
		return to, nil, nil
	}
	source, err := os.ReadFile(file) //nolint:gosec // a file of the repository
	if err != nil {
		return to, nil, err
	}
	text, err = port(file, source)
	return to, text, err
}

// port returns a test file in the spelling of Echo v5, or nil if it is for
// Echo v4 only. Lines stay where they are: failures name those of the original.
func port(file string, source []byte) ([]byte, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	if f.Name.Name != "pull_test" || isOnlyV4(f) {
		return nil, nil
	}
	text := source
	for _, e := range slices.Backward(edits(f)) {
		at := set.Position(e.at).Offset
		text = slices.Concat(text[:at], []byte(e.insert), text[at+e.remove:])
	}
	return slices.Concat(fmt.Appendf(nil, "//line %s:1\n", file), text), nil
}

func isOnlyV4(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, comment := range group.List {
			if comment.Pos() < f.Package && comment.Text == "//pull:only v4" {
				return true
			}
		}
	}
	return false
}

// An edit replaces a part of a file.
type edit struct {
	at     token.Pos
	remove int
	insert string
}

// moved returns the path that an import has for Echo v5, or "" for the same.
func moved(path string) string {
	switch path {
	case "github.com/labstack/echo/v4", "github.com/labstack/echo/v4/middleware":
		return strings.Replace(path, "/v4", "/v5", 1)
	case "github.com/echo-pull/pull":
		return path + "/v5"
	}
	return ""
}

// edits returns what Echo v5 spells in another way, in the order of the file:
// the imports, and the contexts, which are pointers there.
func edits(f *ast.File) []edit {
	var found []edit
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			path, _ := strconv.Unquote(n.Path.Value)
			if to := moved(path); to != "" {
				found = append(found, edit{n.Path.Pos(), len(n.Path.Value), strconv.Quote(to)})
			}
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && n.Sel.Name == "Context" && (pkg.Name == "echo" || pkg.Name == "pull") {
				found = append(found, edit{n.Pos(), 0, "*"})
			}
		}
		return true
	})
	slices.SortFunc(found, func(a, b edit) int { return int(a.at - b.at) })
	return found
}
