package oplog_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/oplog"
)

// row matches a message in the documentation, with its level and attributes.
var row = regexp.MustCompile("(?m)^\\| `(pull: [^`]+)` \\| (Debug|Info|Warn) \\| ([^|]*) \\|")

// The operator finds each message that the plugin logs in docs/production.md, with its
// level and its attributes, and finds no other.
func TestProductionDocsListEveryLogMessage(t *testing.T) {
	page, err := os.ReadFile("../../docs/production.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, logged []string
	for _, match := range row.FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, fmt.Sprintf("%s %s %s", match[1], strings.ToUpper(match[2]), strings.ReplaceAll(match[3], "`", "")))
	}
	for _, m := range oplog.All() {
		logged = append(logged, fmt.Sprintf("%s %s %s", m.Text, m.Level, strings.Join(m.Attrs, ", ")))
	}
	for _, line := range logged {
		if !slices.Contains(documented, line) {
			t.Errorf("docs/production.md has no row for %q", line)
		}
	}
	for _, line := range documented {
		if !slices.Contains(logged, line) {
			t.Errorf("docs/production.md has a row for %q, which is not logged", line)
		}
	}
}

// declared matches the name and the text of a message in the code.
var declared = regexp.MustCompile(`(?m)^\t(\w+) +=? *Message\{slog\.\w+, "([^"]+)"`)

func TestAllHasEveryMessage(t *testing.T) {
	code, err := os.ReadFile("messages.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, match := range declared.FindAllStringSubmatch(string(code), -1) {
		want = append(want, match[2])
	}
	for _, m := range oplog.All() {
		got = append(got, m.Text)
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("All returns %q, want what messages.go declares: %q", got, want)
	}
}

func TestMessageHasItsAttributes(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, nil))

	oplog.Refused.Log(logger, "origin", 3)
	oplog.Left.Log(logger, "7", "sse", 0, "closed") // at level Debug, which this logger does not take

	if got := out.String(); !strings.HasSuffix(got, `level=WARN msg="pull: requests were refused" reason=origin count=3`+"\n") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q, want one line with the reason and the count", got)
	}
	if !oplog.Refused.IsLogged(logger) || oplog.Left.IsLogged(logger) {
		t.Error("IsLogged is wrong about the level of the logger")
	}
}
