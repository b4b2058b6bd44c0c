package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// generator is the line of the root package that names the directories.
const generator = "//go:generate go run ./scripts/aliases "

func TestSharedNamesAreFresh(t *testing.T) {
	t.Parallel()
	files, err := sourceFiles(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if dirs, found := strings.CutPrefix(line, generator); found {
				checkFresh(t, strings.Fields(dirs))
			}
		}
	}
}

func checkFresh(t *testing.T, dirs []string) {
	t.Helper()
	for i := range dirs {
		dirs[i] = filepath.Join(root, dirs[i])
	}
	if err := run(dirs, compare); err != nil {
		t.Error(err)
	}
}

// The files in testdata are what a reader expects of their origins.
func TestEveryDirectoryGetsTheNames(t *testing.T) {
	t.Parallel()

	err := run([]string{"testdata/root", "testdata/root/v5"}, compare)
	if err != nil {
		t.Error(err)
	}
}

func TestStaleFileIsReported(t *testing.T) {
	t.Parallel()

	err := compare("testdata/root/shared.go", []byte("package pull\n"))

	if err == nil || !strings.Contains(err.Error(), "stale") {
		t.Errorf("got %v, want an error: stale", err)
	}
}

func TestResultCompiles(t *testing.T) {
	t.Parallel()
	goTool(t, "vet", "./...")
}

func TestGoDocShowsWhatIsBehindAnAlias(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, want string }{
		{"Event", "Module string"},
		{"Event", "// Case is not significant."},
		{"Event", "See Plugin.Send and Target.Or."},
		{"Target", "func (t Target) Or(other Target) Target"},
		{"Target", "Or returns the union of both targets"},
		{"Target", "func User(ids ...string) Target"},
		{"Memory", "Count int // largest number of messages"},
		{"Memory", "func (m *Memory) Publish(ctx context.Context, e ...Event) error"},
		{"Section", "PublicSection Section = "},
		{"ErrTooLate", "ErrTooLate is returned by Plugin.Send."},
		{"HeaderClient", `"Pull-Client"`},
	}
	for _, dir := range []string{".", "./v5"} {
		for _, test := range tests {
			if got := goTool(t, "doc", dir, test.name); !strings.Contains(plain(got), test.want) {
				t.Errorf("go doc %s %s prints\n%s\nwant %q", dir, test.name, got, test.want)
			}
		}
	}
}

// plain removes the brackets of the links that go doc leaves in source.
func plain(text string) string { return strings.NewReplacer("[", "", "]", "").Replace(text) }

// goTool runs go in the module of testdata.
func goTool(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = "testdata/root"
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestMistakesAreReported(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, list, origin, want string }{
		{"unknown name", "A", "type B int", "does not declare A"},
		{"twice", "A, A", "type A int", "A is shared twice"},
		{"hidden field", "A", "type A struct{ Of B }; type B int", "A mentions a.B, which is not shared"},
		{"hidden embedded field", "A", "type A struct{ B }; type B int", "A mentions a.B, which is not shared"},
		{"hidden parameter", "F", "type B int; func F(b *B) {}", "F mentions a.B, which is not shared"},
		{"hidden result", "A", "type A int; type b int; func (A) M() (c []b) { return }", "A.M mentions a.b, which is not shared"},
		{"hidden method", "A", "type A interface{ M(B) }; type B int", "A mentions a.B, which is not shared"},
		{"hidden elsewhere", "F", `import "example.com/m/internal/b"; func F(x b.B) {}`, "F mentions b.B, which is not shared"},
		{"parameter without name", "F", "func F(int) {}", "F has a parameter without a name"},
		{"blank parameter", "F", "func F(_ int) {}", "F needs another name for its parameter _"},
		{"parameter like its package", "F", "func F(a int) {}", "F needs another name for its parameter a"},
		{"link to a method of an alias", "A, F", "type A int; func F() {}", "write: // See [A].M and [Own.M]."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, map[string]string{
				"go.mod":          "module example.com/m\n",
				"m.go":            "package m\n\n//pull:share internal/a " + test.list + "\n\n// See [A].M and [Own.M].\ntype Own int\n",
				"internal/a/a.go": "package a; " + test.origin + "\n",
			})
			if strings.HasPrefix(test.name, "link") {
				appendTo(t, filepath.Join(dir, "m.go"), "\n// See [A.M] and [Own.M].\n")
			}

			err := run([]string{dir}, func(string, []byte) error { return nil })

			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error: %s", err, test.want)
			}
		})
	}
}

// tree writes files into a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		appendTo(t, filepath.Join(dir, name), files[name])
	}
	return dir
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
