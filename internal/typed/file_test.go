package typed_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/typed"
)

func writing(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestFileIsComparedWithWhatIsWritten(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, have, want, diff string }{
		{"equal", "a\nb\n", "a\nb\n", ""},
		{"Windows", "a\r\nb\r\n", "a\nb\n", ""},
		{"a line", "a\nb\nc\n", "a\nB\nc\n", "@@ line 2 @@\n-b\n+B\n"},
		{"more", "a\nc\n", "a\nb\nc\n", "@@ line 2 @@\n+b\n"},
		{"less", "a\nb\nc\n", "a\nc\n", "@@ line 2 @@\n-b\n"},
		{"empty", "", "a\n", "@@ line 1 @@\n+a\n"},
		{"the last line break", "a", "a\n", "@@ line 1 @@\n-a\n+a\n+\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "events.d.ts")
			if err := os.WriteFile(name, []byte(test.have), 0o600); err != nil {
				t.Fatal(err)
			}

			err := typed.CheckFile(name, writing(test.want))

			if (err == nil) != (test.diff == "") || err != nil && !strings.HasSuffix(err.Error(), "\n"+test.diff) {
				t.Errorf("got %v, want\n%s", err, test.diff)
			}
			if now, _ := os.ReadFile(name); string(now) != test.have {
				t.Errorf("the file contains %q now, want it unchanged", now)
			}
		})
	}
}

func TestMissingFileIsWrittenAndReported(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "events.d.ts")

	first, second := typed.CheckFile(name, writing("a\n")), typed.CheckFile(name, writing("a\n"))

	if first == nil || second != nil {
		t.Errorf("got %v and %v, want an error once", first, second)
	}
}

func TestFileThatCannotBeReadOrWrittenIsReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{dir, filepath.Join(dir, "missing", "events.d.ts")} {
		if err := typed.CheckFile(name, writing("a")); err == nil {
			t.Errorf("CheckFile(%s) returned nil, want an error", name)
		}
	}
	if err := typed.CheckFile(filepath.Join(dir, "x"), func(io.Writer) error { return errFull }); err != errFull { //nolint:errorlint // it is the same
		t.Errorf("got %v, want %v", err, errFull)
	}
}
