package schema

import (
	"fmt"
	"regexp"
	"strings"
)

const nothing = "{ [key: string]: never }"

// TypeScript returns the declaration of a type with a name.
func (n *Named) TypeScript() string {
	if n.Type.Kind == Object && len(n.Type.Fields) > 0 {
		return "export interface " + n.Name + " " + n.Type.TypeScript("") + "\n"
	}
	return Comment(n.Type, "") + "export type " + n.Name + " = " + n.Type.TypeScript("") + "\n"
}

// TypeScript returns the type in TypeScript. indent is that of the line in which it
// begins.
func (t Type) TypeScript(indent string) string {
	text := t.typeScript(indent)
	if t.Empty {
		text += " | " + nothing
	}
	if t.Null && t.Kind != Unknown {
		text += " | null"
	}
	return text
}

func (t Type) typeScript(indent string) string {
	switch t.Kind {
	case Boolean:
		return "boolean"
	case Number, Integer:
		return "number"
	case String:
		return "string"
	case Array:
		return t.array(indent)
	case Map:
		return "{ [key: string]: " + t.Elem.TypeScript(indent) + " }"
	case Object:
		return t.object(indent)
	case Literals:
		values := make([]string, len(t.Values))
		for i, value := range t.Values {
			values[i] = string(value)
		}
		return strings.Join(values, " | ")
	case Reference:
		return t.Ref.Name
	case Unknown:
	}
	return "unknown"
}

// longest is how many elements an array may have that is written as a tuple.
const longest = 8

func (t Type) array(indent string) string {
	elem := t.Elem.TypeScript(indent)
	if 0 <= t.Length && t.Length <= longest {
		return "[" + strings.TrimSuffix(strings.Repeat(elem+", ", t.Length), ", ") + "]"
	}
	if t.Elem.Null || t.Elem.Kind == Literals {
		elem = "(" + elem + ")"
	}
	return elem + "[]"
}

func (t Type) object(indent string) string {
	if len(t.Fields) == 0 {
		return nothing
	}
	var b strings.Builder
	b.WriteString("{\n")
	inner := indent + "  "
	for _, f := range t.Fields {
		mark := ""
		if f.Optional {
			mark = "?"
		}
		fmt.Fprintf(&b, "%s%s%s%s: %s\n", Comment(f.Type, inner), inner, property(f.Name), mark, f.Type.TypeScript(inner))
	}
	return b.String() + indent + "}"
}

// Comment returns the lines above a member or a declaration of the type, if a reader
// should know something of it.
func Comment(t Type, indent string) string {
	if note := t.note(); note != "" {
		return indent + "/** " + note + " */\n"
	}
	return ""
}

var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// property returns the name of a member.
func property(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	return Quote(name)
}
