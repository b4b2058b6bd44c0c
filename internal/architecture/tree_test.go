package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A tree holds the imports of the plugins' Go files, tests excepted.
type tree struct {
	module string                         // path of the root module
	files  map[string]map[string][]string // import paths by package and file
	starts []string                       // the files of the core that start goroutines, once for each place; packages for tests may
}

// nested finds the modules of other plugins, such as v5 for Echo v5.
var nested = regexp.MustCompile(`^v[0-9]+$`)

func readTree(t *testing.T, root string) *tree {
	t.Helper()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(mod), "\n")
	tr := &tree{module: strings.TrimSpace(strings.TrimPrefix(first, "module ")), files: map[string]map[string][]string{}}
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && leavesOut(root, name):
			return fs.SkipDir
		case d.IsDir(), path.Ext(name) != ".go", strings.HasSuffix(name, "_test.go"):
			return nil
		}
		return tr.read(root, name)
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// leavesOut reports whether a directory holds no package of the plugins.
func leavesOut(root, dir string) bool {
	base := path.Base(dir)
	if dir == "." || nested.MatchString(dir) {
		return false
	}
	_, err := os.Stat(filepath.Join(root, dir, "go.mod"))
	return err == nil || base == "testdata" || base == "node_modules" || base[0] == '.'
}

func (tr *tree) read(root, name string) error {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	from := tr.name(path.Join(tr.module, path.Dir(name)))
	if tr.files[from] == nil {
		tr.files[from] = map[string][]string{}
	}
	tr.files[from][name] = nil
	for _, spec := range file.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		tr.files[from][name] = append(tr.files[from][name], tr.name(to))
	}
	core := strings.HasPrefix(from, "internal/") && !strings.HasSuffix(from, "test")
	if from == path.Base(tr.module) || nested.MatchString(from) || core {
		for range goroutines(file) {
			tr.starts = append(tr.starts, name)
		}
	}
	return nil
}

// goroutines returns the places in a file that start a goroutine: go statements,
// and calls of a method Go, such as that of sync.WaitGroup.
func goroutines(file *ast.File) []ast.Node {
	var places []ast.Node
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.GoStmt:
			places = append(places, n)
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Go" {
				places = append(places, n)
			}
		}
		return true
	})
	return places
}

// name returns the name of a package: its directory if it is ours.
func (tr *tree) name(importPath string) string {
	if importPath == tr.module {
		return path.Base(importPath)
	}
	return strings.TrimPrefix(importPath, tr.module+"/")
}

// arrows returns what the packages import, without the standard library. A
// package of another module counts as that module.
func (tr *tree) arrows() arrows {
	a := arrows{}
	for from, files := range tr.files {
		to := map[string]bool{}
		for _, imports := range files {
			for _, name := range imports {
				if tr.ours(name) || strings.Contains(name, ".") {
					to[moduleOf(name)] = true
				}
			}
		}
		a[from] = slices.Sorted(maps.Keys(to))
	}
	return a
}

func (tr *tree) ours(name string) bool { return tr.files[name] != nil }

// moduleOf returns the module of a package on GitHub, and other names unchanged.
func moduleOf(name string) string {
	parts := strings.Split(name, "/")
	if parts[0] != "github.com" {
		return name
	}
	if len(parts) > 3 && nested.MatchString(parts[3]) {
		return path.Join(parts[:4]...)
	}
	return path.Join(parts[:min(3, len(parts))]...)
}

// mistakes returns the violations of the rules that do not depend on the document.
func (tr *tree) mistakes() []string {
	const echo, melody, cache = "github.com/labstack/echo", "github.com/olahol/melody", "github.com/patrickmn/go-cache"
	var mistakes []string
	melodies, caches := map[string]bool{}, map[string]bool{} // the files and packages that import them
	for from, files := range tr.files {
		for file, imports := range files {
			for _, to := range imports {
				core := strings.HasPrefix(from, "internal/")
				switch {
				case core && strings.HasPrefix(to, echo):
					mistakes = append(mistakes, file+" imports Echo: the core knows no framework")
				case core && tr.ours(to) && !strings.HasPrefix(to, "internal/") && to != "client": // the browser's files import nothing
					mistakes = append(mistakes, fmt.Sprintf("%s imports %s, which lies above", file, to))
				case to == melody:
					melodies[file] = true
				case to == cache:
					caches[from] = true
				}
			}
		}
	}
	if len(melodies) > 1 {
		mistakes = append(mistakes, fmt.Sprintf("melody is for one file, not for %v", slices.Sorted(maps.Keys(melodies))))
	}
	if len(caches) > 1 {
		mistakes = append(mistakes, fmt.Sprintf("go-cache is for one package, not for %v", slices.Sorted(maps.Keys(caches))))
	}
	if len(tr.starts) > 2 {
		mistakes = append(mistakes, fmt.Sprintf("goroutines start in spawn and at the end of Shutdown only, not in %v", tr.starts))
	}
	return slices.Sorted(slices.Values(mistakes))
}
