package typed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// CheckFile returns an error, with a diff, if a file does not contain what write
// writes. It is for a test of the application that fails when the output of
// [WriteTypeScript] or [WriteAsyncAPI] is stale:
//
//	err := pull.CheckFile("static/events.d.ts", func(w io.Writer) error {
//		return pull.WriteTypeScript(w, events...)
//	})
//
// If there is no such file, CheckFile writes it and returns an error, too. So to
// update a file, delete it and run the test.
func CheckFile(name string, write func(w io.Writer) error) error {
	var want bytes.Buffer
	if err := write(&want); err != nil {
		return err
	}
	have, err := os.ReadFile(name) //nolint:gosec // the application's own file
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.WriteFile(name, want.Bytes(), 0o644); err != nil { //nolint:gosec // source code, for everyone to read
			return fmt.Errorf("pull: %w", err)
		}
		return fmt.Errorf("pull: %s was missing: it is written now", name)
	case err != nil:
		return fmt.Errorf("pull: %w", err)
	}
	have = bytes.ReplaceAll(have, []byte("\r\n"), []byte("\n")) // as Git checks out on Windows
	if !bytes.Equal(have, want.Bytes()) {
		return fmt.Errorf("pull: %s is stale: delete it and run the test again\n%s", name, diff(string(have), want.String()))
	}
	return nil
}

// diff returns the lines from the first to the last one that differ, those to be
// deleted first.
func diff(have, want string) string {
	before, after := strings.SplitAfter(have, "\n"), strings.SplitAfter(want, "\n")
	first := 0
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		before, after = before[1:], after[1:]
		first++
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "@@ line %d @@\n", first+1)
	for _, side := range []struct {
		mark  string
		lines []string
	}{{"-", before}, {"+", after}} {
		for _, line := range side.lines {
			b.WriteString(side.mark + strings.TrimRight(line, "\n") + "\n")
		}
	}
	return b.String()
}
