// Package architecture tests that the packages import what
// docs/architecture.md allows.
package architecture

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// The block of arrows in docs/architecture.md is the rule. An import that it does
// not name is an error, and so is an arrow that no file needs.
func TestPackagesImportWhatTheDocumentSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented, err := parseArrows(string(text))
	if err != nil {
		t.Fatalf("docs/architecture.md: %v", err)
	}

	actual := readTree(t, root).arrows()
	for _, mistake := range compare(documented, actual) {
		t.Error(mistake)
	}

	if t.Failed() {
		t.Logf("the imports are:\n%s", actual)
	}
}

func TestPackagesKeepTheRules(t *testing.T) {
	t.Parallel()
	for _, mistake := range readTree(t, root).mistakes() {
		t.Error(mistake)
	}
}

// The parsed imports end at other modules; go list knows the rest.
func TestEachPluginKnowsOneEcho(t *testing.T) {
	t.Parallel()
	tests := []struct{ dir, own, other string }{
		{"", "github.com/labstack/echo/v4", "github.com/labstack/echo/v5"},
		{"v5", "github.com/labstack/echo/v5", "github.com/labstack/echo/v4"},
	}
	for _, test := range tests {
		dir := filepath.Join(root, test.dir)
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go list in %s: %v\n%s", dir, err, out)
		}
		deps := "\n" + string(out)
		if !strings.Contains(deps, "\n"+test.own+"\n") {
			t.Errorf("%s does not import %s", dir, test.own)
		}
		if strings.Contains(deps, "\n"+test.other) {
			t.Errorf("%s depends on %s", dir, test.other)
		}
	}
}

var fileOfRoom = regexp.MustCompile(`\b[a-z]+/[a-z]+\.go\b`)

// The files on the path of an event exist.
func TestDocumentNamesFilesThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, way, _ := strings.Cut(string(text), "## The way of an event")
	way, _, _ = strings.Cut(way, "Nothing points back")
	files := fileOfRoom.FindAllString(way, -1)
	for _, file := range files {
		if _, err := os.Stat(filepath.Join(root, "internal", file)); err != nil {
			t.Errorf("docs/architecture.md names %s: %v", file, err)
		}
	}
	if len(files) < 10 {
		t.Errorf("found %d files, want more", len(files))
	}
}
