package main

import (
	"errors"
	"fmt"
	"go/ast"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A library holds the packages that share names.
type library struct {
	module  string             // path of the module
	origins map[string]*origin // by import path
	shared  map[string]string  // import path of the package that declares a shared name
	quote   *regexp.Regexp     // a name qualified by a package that shares
}

func readLibrary(root string, shares []share) (*library, error) {
	module, err := readModule(root)
	if err != nil {
		return nil, err
	}
	l := &library{module: module, origins: map[string]*origin{}, shared: map[string]string{}}
	var packages []string
	for _, s := range shares {
		importPath := module + "/" + s.dir
		if l.origins[importPath] == nil {
			o, err := readOrigin(filepath.Join(root, filepath.FromSlash(s.dir)), importPath)
			if err != nil {
				return nil, err
			}
			l.origins[importPath] = o
			packages = append(packages, regexp.QuoteMeta(o.name))
		}
		for _, name := range s.names {
			if l.shared[name] != "" {
				return nil, fmt.Errorf("%s is shared twice", name)
			}
			l.shared[name] = importPath
		}
	}
	slices.Sort(packages)
	l.quote = regexp.MustCompile(`\b(` + strings.Join(packages, "|") + `)\.([A-Z]\w*)`)
	return l, nil
}

// readModule returns the path of the module in a directory.
func readModule(dir string) (string, error) {
	text, err := readFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(text) {
		if module, found := strings.CutPrefix(line, "module "); found {
			return strings.TrimSpace(module), nil
		}
	}
	return "", fmt.Errorf("%s names no module", filepath.Join(dir, "go.mod"))
}

// unqualify removes the package from the names that are shared.
func (l *library) unqualify(text string) string {
	return l.quote.ReplaceAllStringFunc(text, func(qualified string) string {
		pkg, name, _ := strings.Cut(qualified, ".")
		if o := l.origins[l.shared[name]]; o != nil && o.name == pkg {
			return name
		}
		return qualified
	})
}

// methodLink is a doc link to a method, such as [Outbox.Send].
var methodLink = regexp.MustCompile(`\[(\*?[A-Z]\w*)\.([A-Z]\w*)\]`)

// relink makes the doc links of an origin work in another package. A link to a
// method of an alias leads nowhere; it becomes a link to the alias.
func (l *library) relink(text string) string {
	return methodLink.ReplaceAllStringFunc(l.unqualify(text), func(link string) string {
		m := methodLink.FindStringSubmatch(link)
		if l.shared[strings.TrimPrefix(m[1], "*")] == "" {
			return link
		}
		return "[" + m[1] + "]." + m[2]
	})
}

// deadLinks reports the links to methods of aliases in what is written by hand.
func (l *library) deadLinks(dir string) error {
	names, err := sourceFiles(dir)
	if err != nil {
		return err
	}
	found := []error{}
	for _, name := range names {
		text, err := readFile(name)
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			comment := line[max(0, strings.Index(line, "//")):]
			if live := l.relink(comment); strings.Contains(line, "//") && live != comment {
				found = append(found, fmt.Errorf("%s: a link leads nowhere: %swrite: %s", name, comment, live))
			}
		}
	}
	return errors.Join(found...)
}

// A checker finds the types in a declaration that users cannot name.
type checker struct {
	*library
	origin *origin
	name   string
	found  []error
}

// check reports the types that the declaration of a shared name mentions and
// that are not shared themselves.
func (l *library) check(o *origin, name string, decl ast.Node) error {
	c := &checker{library: l, origin: o, name: name}
	ast.Walk(c, decl)
	return errors.Join(c.found...)
}

// Visit implements [ast.Visitor].
func (c *checker) Visit(node ast.Node) ast.Visitor {
	switch n := node.(type) {
	case *ast.FuncDecl: // not the receiver
		ast.Walk(c, n.Type)
		return nil
	case *ast.TypeSpec: // not the name
		ast.Walk(c, n.Type)
		return nil
	case *ast.Field: // not the names
		ast.Walk(c, n.Type)
		return nil
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); ok {
			from := c.origin.importOf(x.Name, n.Pos())
			if strings.HasPrefix(from, c.module+"/internal/") && c.shared[n.Sel.Name] != from {
				c.hide(x.Name + "." + n.Sel.Name)
			}
		}
		return nil
	case *ast.Ident:
		if c.origin.types[n.Name] && c.shared[n.Name] != c.origin.path {
			c.hide(c.origin.name + "." + n.Name)
		}
	}
	return c
}

func (c *checker) hide(what string) {
	c.found = append(c.found, fmt.Errorf("%s mentions %s, which is not shared", c.name, what))
}
