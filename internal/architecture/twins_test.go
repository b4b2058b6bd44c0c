package architecture

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// differ are the names whose comments differ between the plugins.
var differ = map[string]string{
	"Context":         "a struct for Echo v5, an interface for Echo v4",
	"Context.Pull":    "a method of it",
	"Config":          "Config.User returns errors of Echo",
	"Plugin.Shutdown": "Echo v5 has no Shutdown of its own",
}

var comment = regexp.MustCompile(`(?m)^\s*//.*\n`)

// The plugins for Echo v4 and Echo v5 have the same names and comments, and the
// same signatures except for Echo's own context.
func TestPluginsHaveTheSameNames(t *testing.T) {
	t.Parallel()
	v4, v5 := names(t, root), names(t, filepath.Join(root, "v5"))
	for _, name := range slices.Sorted(maps.Keys(v4)) {
		if _, known := v5[name]; !known && name != "Context.Pull" {
			t.Errorf("v5 has no %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v5)) {
		a, b := v4[name], v5[name]
		if _, allowed := differ[name]; allowed {
			a, b = comment.ReplaceAllString(a, ""), comment.ReplaceAllString(b, "")
		}
		switch {
		case strings.HasPrefix(name, "Context"):
		case a == "":
			t.Errorf("only v5 has %s", name)
		case a != b:
			t.Errorf("%s differs:\n%s\n%s", name, a, b)
		}
	}
	if len(v4) < 40 {
		t.Errorf("found %d names, want more", len(v4))
	}
}

// names returns the exported declarations of a package, in the spelling of Echo v4.
func names(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	set := token.NewFileSet()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(set, file, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			for name, node := range exported(d) {
				all[name] = spell(t, set, node)
			}
		}
	}
	return all
}

// exported returns the exported part of a declaration, without function bodies.
func exported(d ast.Decl) map[string]ast.Node {
	found := make(map[string]ast.Node)
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			receiver := d.Recv.List[0].Type
			if star, ok := receiver.(*ast.StarExpr); ok {
				receiver = star.X
			}
			name = receiver.(*ast.Ident).Name + "." + name
		}
		if ast.IsExported(name) && d.Name.IsExported() {
			found[name] = &ast.FuncDecl{Doc: d.Doc, Recv: d.Recv, Name: d.Name, Type: d.Type}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() {
					ast.FilterDecl(d, ast.IsExported)
					found[spec.Name.Name] = d
				}
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					if name.IsExported() {
						found[name.Name] = d
					}
				}
			}
		}
	}
	return found
}

func spell(t *testing.T, set *token.FileSet, node ast.Node) string {
	t.Helper()
	var text bytes.Buffer
	if err := printer.Fprint(&text, set, node); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("*echo.Context", "echo.Context", "*Context", "Context").Replace(text.String())
}
