//pull:only v4

package pull_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages returns the texts of the documentation by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			texts[path] = read(t, path)
		}
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

// Every block of Go is a program that vet accepts, or a part of a test.
func TestREADMEShowsCodeThatWorks(t *testing.T) {
	var tests strings.Builder
	sources, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		tests.WriteString(read(t, path))
	}
	programs := 0
	for path, page := range pages(t) {
		for _, block := range goBlock.FindAllStringSubmatch(page, -1) {
			if code := block[1]; !strings.HasPrefix(code, "package ") {
				if !strings.Contains(tests.String(), code) {
					t.Errorf("%s: this is in no test:\n%s", path, code)
				}
				continue
			}
			programs++
			file := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", path, err, out)
			}
		}
	}
	if programs == 0 {
		t.Error("no program was found, want the quick start")
	}
}

var (
	testName   = regexp.MustCompile(`\b((?:e2e/|example/|brokertest/)?)((?:Test|Fuzz)[A-Z]\w+)`)
	clientTest = regexp.MustCompile("`(\\w+\\.test\\.js): ([^`]+)`")
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w+)\(`)
)

// The tests that the documentation names exist.
func TestGuaranteesNameTestsThatExist(t *testing.T) {
	exist := make(map[string]bool)
	for _, folder := range []string{"", "e2e/", "example/", "brokertest/"} {
		paths, err := filepath.Glob(folder + "*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			for _, f := range testFunc.FindAllStringSubmatch(read(t, path), -1) {
				exist[folder+f[1]] = true
			}
		}
	}
	named := 0
	for path, page := range pages(t) {
		for _, name := range testName.FindAllStringSubmatch(page, -1) {
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

// Links within the repository lead somewhere.
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

// The reading order in doc.go names every file but itself, and none that is gone.
func TestReadingOrderNamesEveryFile(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	_, order, _ := strings.Cut(string(doc), "# Reading order")
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "doc.go" || strings.HasPrefix(file, "lockfile_") {
			continue
		}
		if !strings.Contains(order, file) {
			t.Errorf("%s is not in the reading order", file)
		}
	}
	for _, file := range regexp.MustCompile(`\b\w+\.go\b`).FindAllString(order, -1) {
		if !slices.Contains(files, file) {
			t.Errorf("the reading order names %s, which does not exist", file)
		}
	}
}
