package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The recipes beside the example, with the files that a person writes for one.
var recipes = map[string][]string{
	"htmx":     {"*.go", "*.templ"},
	"alpine":   {"*.go", "*.html", "static/poll.js"},
	"datastar": {"*.go", "*.html"},
	"react":    {"*.go", "*.html", "src/*"},
}

func TestRecipesAreSmall(t *testing.T) {
	const most = 150 // lines of code
	for recipe, patterns := range recipes {
		lines := 0
		for _, pattern := range patterns {
			files, err := filepath.Glob(filepath.Join(recipe, pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("%s/%s: got files %v and error %v, want some", recipe, pattern, files, err)
			}
			for _, file := range files {
				lines += linesOf(t, file)
			}
		}
		if lines >= most {
			t.Errorf("the recipe %s has %d lines of code, want less than %d", recipe, lines, most)
		}
		t.Logf("%s has %d lines of code", recipe, lines)
	}
}

// linesOf counts the lines of a file, without package clauses, imports, comments and empty lines. What
// is generated, and tests, count nothing.
func linesOf(t *testing.T, file string) (n int) {
	t.Helper()
	if strings.HasSuffix(file, "_templ.go") || strings.HasSuffix(file, "_test.go") {
		return 0
	}
	imports := false
	for line := range strings.Lines(read(t, file)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "import (":
			imports = true
		case imports:
			imports = line != ")"
		case line != "" && !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "package "):
			n++
		}
	}
	return n
}

// What templ generates is part of the repository, so that the recipe runs without
// templ's command.
func TestGeneratedTemplatesAreFresh(t *testing.T) {
	t.Parallel()
	command := strings.Fields(generateOf(t, "htmx/main.go"))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "page.templ"), []byte(read(t, "htmx/page.templ")), 0o600); err != nil {
		t.Fatal(err)
	}
	generate := exec.CommandContext(t.Context(), command[0], command[1:]...)
	generate.Dir = dir
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
	want, got := read(t, filepath.Join(dir, "page_templ.go")), read(t, "htmx/page_templ.go")
	if got != want {
		t.Error("htmx/page_templ.go is not what templ generates from page.templ: run go generate ./... in example")
	}
	const module = "github.com/a-h/templ"
	_, version, _ := strings.Cut(command[2], "@")
	if !strings.Contains(read(t, "go.mod"), module+" "+version+"\n") {
		t.Errorf("go.mod does not require %s %s, with which htmx/page_templ.go was generated", module, version)
	}
}

// generateOf returns the command of a file's go:generate.
func generateOf(t *testing.T, file string) string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, file), "//go:generate ")
	if !found {
		t.Fatalf("%s has no go:generate", file)
	}
	command, _, _ := strings.Cut(rest, "\n")
	return command
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
