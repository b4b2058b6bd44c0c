// Aliases writes shared.go, the public names that the plugins for Echo v4 and
// Echo v5 have in common, into the package of each:
//
//	go run ./scripts/aliases [-check] ROOT [DIR...]
//
// The names are declared once, in packages under internal/. ROOT is the root of
// the module; its Go files list the names, with any number of lines for a
// package:
//
//	//pull:share internal/event Event, Target, User, Tag, Shared
//
// Types become aliases. As go doc shows neither the fields nor the methods of an
// alias, their declarations become part of its comment. Functions become
// functions that call the original. The file goes into ROOT and every DIR.
//
// It is an error if a shared declaration mentions a type that is not shared, or
// if a comment links to a method of an alias: such links lead nowhere. Write
// [Outbox].Send instead of [Outbox.Send] there.
//
// With -check nothing is written. The exit status is 1 if a file is stale.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const output = "shared.go"

func main() {
	check := flag.Bool("check", false, "report stale files, and write none")
	flag.Parse()
	act := write
	if *check {
		act = compare
	}
	if err := run(flag.Args(), act); err != nil {
		fmt.Fprintln(os.Stderr, "aliases:", err)
		os.Exit(1)
	}
}

// run passes the file of every directory to act.
func run(dirs []string, act func(name string, content []byte) error) error {
	if len(dirs) == 0 {
		return errors.New("usage: aliases [-check] ROOT [DIR...]")
	}
	shares, err := readShares(dirs[0])
	if err != nil {
		return err
	}
	l, err := readLibrary(dirs[0], shares)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := l.deadLinks(dir); err != nil {
			return err
		}
		content, err := l.generate(dir, shares)
		if err != nil {
			return err
		}
		if err := act(filepath.Join(dir, output), content); err != nil {
			return err
		}
	}
	return nil
}

func write(name string, content []byte) error {
	return os.WriteFile(name, content, 0o644) //nolint:gosec // source code, for everyone to read
}

func compare(name string, content []byte) error {
	have, err := readFile(name)
	if err != nil {
		return err
	}
	if have != string(content) {
		return fmt.Errorf("%s is stale: run go generate", name)
	}
	return nil
}

// A share lists names that one package shares.
type share struct {
	dir   string // of the package, from the root of the module
	names []string
}

// names splits the names of a share.
var names = regexp.MustCompile(`[\s,]+`)

// readShares reads the lists in the Go files of a directory.
func readShares(dir string) ([]share, error) {
	files, err := sourceFiles(dir)
	if err != nil {
		return nil, err
	}
	var shares []share
	for _, file := range files {
		text, err := readFile(file)
		if err != nil {
			return nil, err
		}
		shares = append(shares, parseShares(text)...)
	}
	if len(shares) == 0 {
		return nil, fmt.Errorf("%s has no line //pull:share", dir)
	}
	return shares, nil
}

func parseShares(text string) []share {
	var shares []share
	for line := range strings.Lines(text) {
		if list, found := strings.CutPrefix(line, "//pull:share "); found {
			words := names.Split(strings.TrimSpace(list), -1)
			shares = append(shares, share{words[0], words[1:]})
		}
	}
	return shares
}

// sourceFiles returns the Go files of a directory that are neither tests nor
// ours.
func sourceFiles(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	files = slices.DeleteFunc(files, func(file string) bool {
		return strings.HasSuffix(file, "_test.go") || filepath.Base(file) == output
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no Go files in %s", dir)
	}
	return files, err
}

func readFile(name string) (string, error) {
	text, err := os.ReadFile(name) //nolint:gosec // the caller's own source
	return string(text), err
}
