//pull:only v4

package pull_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages returns the documentation's texts by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	if err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			texts[filepath.ToSlash(path)] = read(t, path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return texts
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// indent is the indentation of a line, which differs between a document and a
// test, and noLint is what a document leaves out.
var (
	indent = regexp.MustCompile(`(?m)^[\t ]+`)
	noLint = regexp.MustCompile(` //nolint.*`)
)

// comment is what may precede the package clause of a program.
var comment = regexp.MustCompile(`\A(//.*\n)+`)

// testCode returns the code of all tests that the documentation may quote.
func testCode(t *testing.T) string {
	t.Helper()
	var tests strings.Builder
	for _, pattern := range []string{"*_test.go", "v5/*_test.go", "e2e/*_test.go", "*broker/*_test.go", "push/*_test.go", "pulltest/*_test.go", "example/*_test.go", "pullprom/*_test.go", "pullotel/*_test.go"} {
		sources, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range sources {
			tests.WriteString(read(t, path))
		}
	}
	return indent.ReplaceAllString(noLint.ReplaceAllString(tests.String(), ""), "")
}

// goCommand returns a go command for a program, in the module that has what the
// program imports.
func goCommand(t *testing.T, code string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "go", args...)
	for needs, module := range map[string]string{`"github.com/echo-pull/pull/v5"`: "v5", `"github.com/labstack/echo-jwt/v4"`: "example"} {
		if strings.Contains(code, needs) {
			cmd.Dir = module
		}
	}
	return cmd
}

// Every Go block is a program that passes vet, a passing test, or a part of one of
// the tests here.
func TestREADMEShowsCodeThatWorks(t *testing.T) {
	tests := testCode(t)
	for path, page := range pages(t) {
		for _, block := range goBlock.FindAllStringSubmatch(page, -1) {
			code, command, file := block[1], "vet", "main.go"
			switch code := comment.ReplaceAllString(code, ""); {
			case !strings.HasPrefix(code, "package "):
				if !strings.Contains(tests, indent.ReplaceAllString(code, "")) {
					t.Errorf("%s: this is in no test:\n%s", path, code)
				}
				continue
			case !strings.HasPrefix(code, "package main\n"):
				command, file = "test", "main_test.go"
			}
			file = filepath.Join(t.TempDir(), file)
			if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := goCommand(t, code, command, file).CombinedOutput(); err != nil {
				t.Errorf("%s: go %s: %v\n%s", path, command, err, out)
			}
		}
	}
}

var (
	testName   = regexp.MustCompile(`\b((?:e2e/|example/|brokertest/|[a-z]+broker/|cluster/|push/|pulltest/|v5/)?)((?:Test|Fuzz)[A-Z]\w+)`)
	clientTest = regexp.MustCompile("`((?:pack/)?\\w+\\.test\\.js): ([^`]+)`")
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w+)\(`)
)

// Every test that the documentation names exists.
func TestGuaranteesNameTestsThatExist(t *testing.T) {
	exist := make(map[string]bool)
	for _, folder := range []string{"", "e2e/", "example/", "brokertest/", "*broker/", "cluster/", "push/", "pulltest/", "v5/", "internal/*/"} {
		paths, err := filepath.Glob(folder + "*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			for _, f := range testFunc.FindAllStringSubmatch(read(t, path), -1) {
				if folder == "*broker/" {
					exist[filepath.ToSlash(filepath.Dir(path))+"/"+f[1]] = true
					continue
				}
				exist[strings.TrimPrefix(folder, "internal/*/")+f[1]] = true
			}
		}
	}
	named := 0
	for path, page := range pages(t) {
		own := testFunc.FindAllString(page, -1)
		for _, name := range testName.FindAllStringSubmatch(page, -1) {
			if slices.Contains(own, "func "+name[2]+"(") {
				continue // the document contains it
			}
			if named++; !exist[name[1]+name[2]] {
				t.Errorf("%s names %s, which does not exist", path, name[0])
			}
		}
		for _, name := range clientTest.FindAllStringSubmatch(page, -1) {
			source := read(t, filepath.Join("client/test", name[1]))
			if named++; !strings.Contains(source, "test(\""+name[2]+"\"") {
				t.Errorf("%s names %q of %s, which does not exist", path, name[2], name[1])
			}
		}
	}
	if named < 50 {
		t.Errorf("%d tests are named, want the table of guarantees to name more", named)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notSlug = regexp.MustCompile(`[^a-z0-9 -]`)
)

// Links within the repository have a target.
func TestREADMELinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	for path, page := range all {
		for _, found := range link.FindAllStringSubmatch(page, -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := path
			if target != "" {
				file = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if anchor != "" && !slices.Contains(anchors(all[file]), anchor) {
				t.Errorf("%s: %s has no heading %q", path, file, anchor)
			}
		}
	}
}

func anchors(page string) []string {
	var slugs []string
	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		slugs = append(slugs, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
	}
	return slugs
}

var (
	reported = regexp.MustCompile(`(?:(?:OnError|[rR]eport)\(|broke := )(?:fmt\.Errorf\(|errors\.New\()?"([^"]+)"`)
	verb     = regexp.MustCompile(`%\w`)
)

// The documentation explains every report to Config.OnError.
func TestProductionDocsExplainEveryReport(t *testing.T) {
	page, found := read(t, "docs/production.md"), 0
	_, page, _ = strings.Cut(page, "## Messages")
	if err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bench", "client", "e2e", "example"}, path):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		for _, text := range reported.FindAllStringSubmatch(read(t, path), -1) {
			found++
			for _, part := range verb.Split(text[1], -1) {
				if part = strings.Trim(part, ` :"\`); !strings.Contains(page, part) {
					t.Errorf("%s reports %q, of which docs/production.md does not explain %q", path, text[1], part)
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if found < 15 {
		t.Errorf("found %d reports in the code, want more", found)
	}
}
