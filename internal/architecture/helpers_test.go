package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The packages pulltest have the same names, comments and signatures.
func TestHelpersOfTestsHaveTheSameNames(t *testing.T) {
	t.Parallel()
	spelled := strings.NewReplacer("*pull.Context", "pull.Context")
	v4, v5 := names(t, filepath.Join(root, "pulltest")), names(t, filepath.Join(root, "v5", "pulltest"))
	for _, name := range slices.Sorted(maps.Keys(v4)) {
		if got := spelled.Replace(v5[name]); got != v4[name] {
			t.Errorf("%s differs:\n%s\n%s", name, v4[name], got)
		}
	}
	if len(v4) != len(v5) || len(v4) < 10 {
		t.Errorf("found %d and %d names, want as many, and more than 10", len(v4), len(v5))
	}
}

var listedMethod = regexp.MustCompile(`(?m)^//\tfunc \(\w+ \*(\w+)\) (.*)$`)

// go doc does not show the methods of an alias, so its comment has them all.
func TestAliasesListTheirMethods(t *testing.T) {
	t.Parallel()
	listed := make(map[string]bool)
	for _, text := range sources(t, filepath.Join(root, "pulltest")) {
		for _, m := range listedMethod.FindAllStringSubmatch(text, -1) {
			listed[m[1]+"."+m[2]] = true
		}
	}
	methods := methodsOf(t, filepath.Join(root, "internal", "plugintest"), "Messages", "Page")
	for method := range methods {
		if !listed[method] {
			t.Errorf("the comment of the alias lacks %s", method)
		}
	}
	for method := range listed {
		if !methods[method] {
			t.Errorf("the comment of the alias has %s, which does not exist", method)
		}
	}
	if len(methods) < 15 {
		t.Errorf("found %d methods, want more", len(methods))
	}
}

// methodsOf returns the exported methods of types, as the plugins spell them.
func methodsOf(t *testing.T, dir string, types ...string) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	for path, text := range sources(t, dir) {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !f.Name.IsExported() {
				continue
			}
			star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
			if !ok {
				continue
			}
			if of, isName := star.X.(*ast.Ident); isName && slices.Contains(types, of.Name) {
				signature := strings.TrimPrefix(spell(t, set, f.Type), "func")
				found[of.Name+"."+f.Name.Name+strings.ReplaceAll(signature, "event.", "pull.")] = true
			}
		}
	}
	return found
}

// sources returns the Go files of a directory, without tests.
func sources(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	return texts
}
