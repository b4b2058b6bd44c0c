package architecture

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// small is a tree that keeps the rules, with its document.
func small() (files map[string]string, document string) {
	return map[string]string{
			"go.mod":                      "module example.com/pull\n\ngo 1.25\n",
			"pull.go":                     `package pull; import ("fmt"; "example.com/pull/internal/web"; "github.com/labstack/echo/v4/middleware")`,
			"v5/go.mod":                   "module example.com/pull/v5\n",
			"v5/pull.go":                  `package pull; import ("example.com/pull/internal/web"; "github.com/labstack/echo/v5")`,
			"bench/go.mod":                "module example.com/pull/bench\n",
			"bench/main.go":               `package main; import "github.com/labstack/echo/v5"; func f() { go f() }`,
			"internal/web/web.go":         `package web; import "example.com/pull/internal/conn"`,
			"internal/web/web_windows.go": `package web; import "golang.org/x/sys/windows"`,
			"internal/web/web_test.go":    `package web; import "github.com/labstack/echo/v4"`,
			"internal/web/testdata/x.go":  `package x; import "github.com/labstack/echo/v4"`,
			"internal/conn/conn.go":       `package conn; import "github.com/olahol/melody"`,
			"internal/conn/queue.go":      `package conn; import "github.com/patrickmn/go-cache"; func spawn() { running.Go(f); go f() }`,
			"internal/rate/rate.go":       `package rate; import "time"`,
		}, "# Architecture\n\n```arrows\n" +
			"pull           -> web, echo/v4\n" +
			"v5             -> internal/web, github.com/labstack/echo/v5\n" +
			"internal/web   -> conn, golang.org/x/sys/windows\n" +
			"internal/conn  -> melody, go-cache\n" +
			"internal/rate  ->\n" +
			"```\n"
}

func TestComparison(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		file, source string // one more file
		from, to     string // what differs in the document
		want         []string
	}{
		{name: "equal"},
		{
			name: "import that the document does not allow", file: "internal/rate/more.go", source: `package rate; import "example.com/pull/internal/conn"`,
			want: []string{"internal/rate imports internal/conn, which the document does not allow"},
		},
		{
			name: "module that the document does not allow", file: "internal/rate/more.go", source: `package rate; import "github.com/olahol/melody"`,
			want: []string{"internal/rate imports github.com/olahol/melody, which the document does not allow"},
		},
		{
			name: "arrow that does not exist", from: "internal/rate  ->", to: "internal/rate  -> conn",
			want: []string{"internal/rate does not import conn, as the document says"},
		},
		{
			name: "arrow that exists once", from: "-> conn, golang", to: "-> conn, internal/conn, golang",
			want: []string{"internal/web does not import internal/conn, as the document says"},
		},
		{
			name: "package that the document lacks", file: "internal/new/new.go", source: "package new",
			want: []string{"internal/new is missing from the document"},
		},
		{
			name: "package that does not exist", from: "internal/rate  ->", to: "internal/rate ->\ninternal/old ->",
			want: []string{"internal/old is in the document, but is no package"},
		},
		{
			name: "another Echo", from: "echo/v4", to: "echo/v5",
			want: []string{
				"pull imports github.com/labstack/echo/v4, which the document does not allow",
				"pull does not import echo/v5, as the document says",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files, document := small()
			if test.file != "" {
				files[test.file] = test.source
			}
			documented, err := parseArrows(strings.Replace(document, test.from, test.to, 1))
			if err != nil {
				t.Fatal(err)
			}

			got := compare(documented, readTree(t, write(t, files)).arrows())

			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, source, want string }{
		{"none broken", "internal/rate/more.go", `package rate; import "example.com/pull/internal/web"`, ""},
		{
			"Echo in the core", "internal/rate/more.go", `package rate; import "github.com/labstack/echo/v4/middleware"`,
			"internal/rate/more.go imports Echo: the core knows no framework",
		},
		{
			"another Echo in the core", "internal/rate/more.go", `package rate; import "github.com/labstack/echo/v6"`,
			"internal/rate/more.go imports Echo: the core knows no framework",
		},
		{
			"upwards", "internal/rate/more.go", `package rate; import "example.com/pull/v5"`,
			"internal/rate/more.go imports v5, which lies above",
		},
		{
			"melody twice", "internal/conn/more.go", `package conn; import "github.com/olahol/melody"`,
			"melody is for one file, not for [internal/conn/conn.go internal/conn/more.go]",
		},
		{
			"another goroutine", "internal/rate/more.go", `package rate; func f() { go f() }`,
			"goroutines start in spawn and at the end of Shutdown only, not in [internal/conn/queue.go internal/conn/queue.go internal/rate/more.go]",
		},
		{"a goroutine of a package for tests", "internal/modeltest/model.go", `package modeltest; func f() { go f() }`, ""},
		{
			"another group of goroutines", "v5/more.go", `package pull; func f() { group.Go(f) }`,
			"goroutines start in spawn and at the end of Shutdown only, not in [internal/conn/queue.go internal/conn/queue.go v5/more.go]",
		},
		{
			"go-cache in another package", "internal/rate/more.go", `package rate; import "github.com/patrickmn/go-cache"`,
			"go-cache is for one package, not for [internal/conn internal/rate]",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files, _ := small()
			files[test.file] = test.source

			got := strings.Join(readTree(t, write(t, files)).mistakes(), "\n")

			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A failure prints the block that the document should have.
func TestArrowsAreWrittenAsTheyAreRead(t *testing.T) {
	t.Parallel()
	files, _ := small()
	actual := readTree(t, write(t, files)).arrows()

	documented, err := parseArrows("\n```arrows\n" + actual.String() + "```\n")

	if mistakes := compare(documented, actual); err != nil || len(mistakes) > 0 {
		t.Errorf("got %q, %v, want no mistakes in\n%s", mistakes, err, actual)
	}
}

func TestDocumentWithoutArrowsIsReported(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		"",
		"\n```arrows\na -> b\n",
		"\n```arrows\na, b\n```\n",
		"\n```arrows\n-> b\n```\n",
		"\n```arrows\na -> b\na -> c\n```\n",
	} {
		if got, err := parseArrows(document); err == nil {
			t.Errorf("parseArrows(%q) = %v, want an error", document, got)
		}
	}
}

// write puts files into a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(files[name]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
