// Port5 runs the tests of the root package and of pulltest, and the example, against the plugin
// for Echo v5:
//
//	go run ./scripts/port5 [flags and arguments of go test]
//	go run ./scripts/port5 run ./testdata/example
//
// They are written for Echo v4. What differs in its spelling only is translated
// here; what differs more is in rim_test.go, which v5 has in a file of the same
// name, and in example/echo.go. The translation is handed to the go command,
// which runs in v5, as an overlay: nothing is written into the repository. If
// the first argument is build, run or vet, that command runs instead of go test.
//
// A file is translated unless it belongs to package pull itself, v5 has a file
// of that name, or a line of its own before the package clause says
//
//	//pull:only v4
//
// The example is translated into v5/testdata/example.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
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

// run translates the files and runs the go command in v5.
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
	command := exec.CommandContext(ctx, "go", arguments(overlay, args)...) //nolint:gosec // the caller's own arguments
	command.Dir = filepath.Join(root, "v5")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}

// arguments returns those of the go command.
func arguments(overlay string, args []string) []string {
	verb := "test"
	if len(args) > 0 && slices.Contains([]string{"build", "run", "vet"}, args[0]) {
		verb, args = args[0], args[1:]
	}
	return append([]string{verb, "-overlay", overlay}, args...)
}

// translate writes the translated files into dir, and the overlay that puts
// them into v5.
func translate(root, dir string) (path string, err error) {
	files, err := places(root)
	if err != nil {
		return "", err
	}
	o := overlay{dir, make(map[string]string)}
	for from, to := range files {
		if err := o.add(from, filepath.Join(root, "v5", to)); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}

// places returns the places in v5 of the tests, those of pulltest included, and of
// the example with what it embeds.
func places(root string) (map[string]string, error) {
	tests, err := filepath.Glob(filepath.Join(root, "*_test.go"))
	if err != nil {
		return nil, err
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("no tests in %s: run this in the root of the repository", root)
	}
	places := make(map[string]string)
	helpers, err := filepath.Glob(filepath.Join(root, "pulltest", "*_test.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Concat(tests, helpers) {
		places[path] = strings.TrimPrefix(path, root+string(filepath.Separator))
	}
	example := filepath.Join(root, "example")
	err = filepath.WalkDir(example, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Type().IsRegular() && !strings.HasPrefix(entry.Name(), "go."): // in the module of v5
			places[path] = filepath.Join("testdata/example", strings.TrimPrefix(path, example))
		}
		return nil
	})
	return places, err
}

// An overlay gives the go command files in the place of others, or where there
// are none.
type overlay struct {
	dir     string // of the translations
	Replace map[string]string
}

// add puts a file into v5, translated if it is Go, unless v5 has a file of its
// own there, or the file is not for Echo v5.
func (o overlay) add(from, to string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if filepath.Ext(from) != ".go" {
		o.Replace[to] = from
		return nil
	}
	source, err := os.ReadFile(from) //nolint:gosec // a file of the repository
	if err != nil {
		return err
	}
	text, err := port(from, source)
	if err != nil || text == nil {
		return err
	}
	o.Replace[to] = filepath.Join(o.dir, fmt.Sprintf("%d.go", len(o.Replace)))
	return os.WriteFile(o.Replace[to], text, 0o600) //nolint:gosec // a name of its own, in a directory of its own
}

// port returns a file in the spelling of Echo v5, or nil if it is for
// Echo v4 only. Lines stay where they are: failures name those of the original.
func port(file string, source []byte) ([]byte, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	if f.Name.Name == "pull" || isOnlyV4(f) {
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
	case "github.com/echo-pull/pull", "github.com/echo-pull/pull/pulltest":
		return strings.Replace(path, "echo-pull/pull", "echo-pull/pull/v5", 1)
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
