//go:build unix

// Package scripts tests the script that checks releases.
package scripts

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// passed is the output of the test's Makefile. It ends the script after the quick
// checks, because the others need the network.
const passed = "the quick checks have passed"

// releasable is a small repository that can be released as 0.1.0 and 5.0.0.
func releasable() map[string]string {
	return map[string]string{
		"go.work":             "go 1.26.0\n\nuse (\n\t.\n\t./bench\n\t./v5\n\t./broker\n)\n",
		"go.mod":              "module example.com/pull\n\ngo 1.25.0\n",
		"v5/go.mod":           "module example.com/pull/v5\n\ngo 1.25.0\n\nrequire example.com/pull v0.1.0\n",
		"broker/go.mod":       "module example.com/pull/broker\n\ngo 1.25.0\n\nrequire (\n\texample.com/pull v0.1.0\n)\n",
		"bench/go.mod":        "module example.com/pull/bench\n\ngo 1.25.0\n\nrequire example.com/pull v0.0.0\n",
		"client/package.json": "{\n  \"name\": \"client\",\n  \"version\": \"0.1.0\",\n  \"private\": true\n}\n",
		"Makefile":            "client/node_modules:\n\t@echo " + passed + "; exit 1\n",
		"CHANGELOG.md":        "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-11-26\n\nFor Echo v5 this is v5.0.0.\n\n## [0.0.1] - 2026-11-01\n\n- Old.\n",
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		file, old, new string // a change to a file
		after          string // a command that runs after the commit
		args           []string
		want           string
	}{
		{name: "right", want: passed},
		{name: "no version", args: []string{""}, want: "VERSION is ''"},
		{name: "not a version", args: []string{"0.1"}, want: "VERSION is '0.1'"},
		{name: "version that needs another path", args: []string{"2.0.0", "5.0.0"}, want: "VERSION is '2.0.0'"},
		{name: "no version of v5", args: []string{"0.1.0"}, want: "V5 is ''"},
		{name: "version of v5 that needs another path", args: []string{"0.1.0", "6.0.0"}, want: "V5 is '6.0.0'"},
		{name: "changed file", after: "echo >> CHANGELOG.md", want: "changes that are not committed"},
		{name: "new file", after: "touch new", want: "changes that are not committed"},
		{name: "tag of the root", after: "git tag v0.1.0", want: "the tag v0.1.0 exists"},
		{name: "tag of v5", after: "git tag v5.0.0", want: "the tag v5.0.0 exists"},
		{name: "tag of a directory", after: "git tag broker/v0.1.0", want: "the tag broker/v0.1.0 exists"},
		{name: "no date", file: "CHANGELOG.md", old: " - 2026-11-26", want: "no heading"},
		{name: "no section", file: "CHANGELOG.md", old: "[0.1.0]", new: "[0.1.1]", want: "says nothing about 0.1.0"},
		{name: "empty section", file: "CHANGELOG.md", old: "For Echo v5 this is v5.0.0.", want: "says nothing about 0.1.0"},
		{name: "v5 in no section", file: "CHANGELOG.md", old: "v5.0.0", new: "v5.0.01", want: "does not name v5.0.0"},
		{name: "unreleased", file: "CHANGELOG.md", old: "[Unreleased]\n", new: "[Unreleased]\n\n- New.\n", want: "entries under Unreleased"},
		{name: "client", file: "client/package.json", old: "0.1.0", new: "0.0.1", want: "client/package.json is 0.0.1"},
		{name: "requirement of v5", file: "v5/go.mod", old: "v0.1.0", new: "v0.0.1", want: "v5/go.mod requires example.com/pull v0.0.1"},
		{name: "requirement in a block", file: "broker/go.mod", old: "v0.1.0", new: "v0.0.1", want: "broker/go.mod requires example.com/pull v0.0.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files := releasable()
			files[test.file] = strings.Replace(files[test.file], test.old, test.new, 1)
			delete(files, "")
			dir := repository(t, files, test.after)
			args := test.args
			if args == nil {
				args = []string{"0.1.0", "5.0.0"}
			}

			out, err := command(t, dir, "scripts/release", args...)

			if err == nil || !strings.Contains(out, test.want) {
				t.Errorf("got %v and\n%s\nwant an error and %q", err, out, test.want)
			}
			if test.want != passed && strings.Contains(out, passed) {
				t.Error("the script continued")
			}
		})
	}
}

// repository commits files beside the script, then runs a command.
func repository(t *testing.T, files map[string]string, after string) string {
	t.Helper()
	script, err := os.ReadFile("release")
	if err != nil {
		t.Fatal(err)
	}
	files["scripts/release"] = string(script)
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(files[name]), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const commit = "git init -q && git add -A && git -c user.name=a -c user.email=a@example.com commit -qm first"
	if out, err := command(t, dir, "bash", "-c", commit+"; "+after); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// command runs a program without any configuration of Git or Go.
func command(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GOWORK=", "GOFLAGS=", "MAKEFLAGS=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
