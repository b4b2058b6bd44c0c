package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/echo-pull/pull/internal/typed"
	"github.com/echo-pull/pull/internal/typedtest"
)

// Of the events of package typedtest, the compiler of TypeScript accepts what
// encoding/json writes, and rejects what it cannot write.
func TestTypeScriptAcceptsWhatGoEncodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var types, values bytes.Buffer
	if err := typed.WriteTypeScript(&types, typedtest.Events()...); err != nil {
		t.Fatal(err)
	}
	values.WriteString("import type {} from \"./events.d.ts\"\n")
	for _, v := range list(t, zooValues(t)) {
		fmt.Fprintf(&values, "export const v%d: PullEvents[%q] = %s\n", values.Len(), v.event, v.text)
	}
	for _, v := range list(t, typedtest.Wrong()) {
		fmt.Fprintf(&values, "// @ts-expect-error\nexport const v%d: PullEvents[%q] = %s\n", values.Len(), v.event, v.text)
	}
	write(t, dir, "events.d.ts", types.Bytes())
	write(t, dir, "values.ts", values.Bytes())

	tsc(t, "--strict", "--exactOptionalPropertyTypes", "--module", "esnext", "--moduleResolution", "bundler",
		filepath.Join(dir, "events.d.ts"), filepath.Join(dir, "values.ts"))
}

// The script of the example uses the params of its events as their types allow.
func TestScriptOfTheExampleFitsItsEvents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "bx.d.ts", []byte("declare const BX: any\n"))

	tsc(t, "--allowJs", "--checkJs", "--strict", "false", "../example/static/events.d.ts", "../example/static/page.js", filepath.Join(dir, "bx.d.ts"))
}

// tsc fails the test if the compiler of TypeScript complains.
func tsc(t *testing.T, args ...string) {
	t.Helper()
	args = append([]string{"--noEmit", "--target", "es2022", "--lib", "es2022,dom,dom.iterable", "--types", ""}, args...)
	if out, err := exec.CommandContext(t.Context(), "node_modules/.bin/tsc", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("tsc: %v\n%s", err, out)
	}
}

// The parser of AsyncAPI accepts the document. Its schemas accept what encoding/json
// writes, and reject what it cannot write.
func TestAsyncAPIIsValidAndAcceptsWhatGoEncodes(t *testing.T) {
	t.Parallel()
	var document bytes.Buffer
	info := typed.APIInfo{Title: "Zoo", Version: "2.1.0", Description: "*All* types.", URL: "https://example.com/live/pull"}
	if err := typed.WriteAsyncAPI(&document, info, typedtest.Events()...); err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(map[string]any{"document": document.String(), "right": zooValues(t), "wrong": typedtest.Wrong()})
	if err != nil {
		t.Fatal(err)
	}

	node := exec.CommandContext(t.Context(), "node", "asyncapi.mjs")
	node.Stdin = bytes.NewReader(input)
	out, err := node.CombinedOutput()

	if err != nil || !bytes.HasPrefix(out, []byte("valid: ")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func zooValues(t *testing.T) map[string][]json.RawMessage {
	t.Helper()
	values, err := typedtest.Values(rand.New(rand.NewPCG(1, 2)), 12)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// A zooValue is one of the params of an event.
type zooValue struct {
	event string
	text  string
}

// list returns values by event, without repetitions: an error names a line.
func list(t *testing.T, values map[string][]json.RawMessage) []zooValue {
	t.Helper()
	var all []zooValue
	for _, event := range slices.Sorted(maps.Keys(values)) {
		for _, text := range values[event] {
			if v := (zooValue{event, string(text)}); !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
	}
	if len(all) < 30 || strings.Contains(all[0].text, "\n") {
		t.Fatalf("%d values, want more, each on a line", len(all))
	}
	return all
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}
