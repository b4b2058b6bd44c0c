package main

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path"
	"strconv"
)

// An origin is a package that declares shared names.
type origin struct {
	path    string // import path
	name    string
	files   *token.FileSet
	imports map[string]map[string]string // import paths by file and name
	types   map[string]bool              // all types of the package, hidden ones too
	consts  map[string]constant
	values  map[string]*doc.Value // declarations of constants and variables, by each of their names
	kinds   map[string]*doc.Type
	funcs   map[string]*doc.Func
}

// A constant is what its declaration tells of it.
type constant struct {
	typ     string // "" if the declaration names none
	literal string // "" if the value is no literal
}

func readOrigin(dir, importPath string) (*origin, error) {
	names, err := sourceFiles(dir)
	if err != nil {
		return nil, err
	}
	o := &origin{
		path: importPath, files: token.NewFileSet(),
		imports: map[string]map[string]string{}, types: map[string]bool{}, consts: map[string]constant{},
		values: map[string]*doc.Value{}, kinds: map[string]*doc.Type{}, funcs: map[string]*doc.Func{},
	}
	var files []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(o.files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		o.name = file.Name.Name
		o.read(name, file)
		files = append(files, file)
	}
	p, err := doc.NewFromFiles(o.files, files, importPath) // leaves only what is exported in the files
	if err != nil {
		return nil, err
	}
	o.index(p)
	return o, nil
}

// read notes what go/doc drops.
func (o *origin) read(name string, file *ast.File) {
	o.imports[name] = importsOf(file)
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.GenDecl); ok {
			o.readDecl(d)
		}
	}
}

func (o *origin) readDecl(d *ast.GenDecl) {
	typ := ""
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			o.types[s.Name.Name] = true
		case *ast.ValueSpec:
			if s.Type != nil {
				typ = source(o.files, s.Type)
			} else if len(s.Values) > 0 { // or it repeats the line before
				typ = ""
			}
			if d.Tok == token.CONST {
				o.readConsts(s, typ)
			}
		}
	}
}

func (o *origin) readConsts(s *ast.ValueSpec, typ string) {
	for i, name := range s.Names {
		c := constant{typ: typ}
		if i < len(s.Values) {
			if literal, ok := s.Values[i].(*ast.BasicLit); ok {
				c.literal = literal.Value
			}
		}
		o.consts[name.Name] = c
	}
}

// importsOf returns the import paths of a file by their names.
func importsOf(file *ast.File) map[string]string {
	imports := map[string]string{}
	for _, spec := range file.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // never: the parser has read it
		}
		name := path.Base(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = importPath
	}
	return imports
}

func (o *origin) index(p *doc.Package) {
	o.indexValues(p.Consts, p.Vars)
	o.indexFuncs(p.Funcs)
	for _, t := range p.Types {
		o.kinds[t.Name] = t
		o.indexValues(t.Consts, t.Vars)
		o.indexFuncs(t.Funcs)
	}
}

func (o *origin) indexValues(lists ...[]*doc.Value) {
	for _, list := range lists {
		for _, v := range list {
			for _, name := range v.Names {
				o.values[name] = v
			}
		}
	}
}

func (o *origin) indexFuncs(funcs []*doc.Func) {
	for _, f := range funcs {
		o.funcs[f.Name] = f
	}
}

// importOf returns the import path behind a name at a position.
func (o *origin) importOf(name string, at token.Pos) string {
	return o.imports[o.files.Position(at).Filename][name]
}
