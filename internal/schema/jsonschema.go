package schema

import (
	"fmt"
	"strings"
)

// references is where an AsyncAPI document has its schemas.
const references = "#/components/schemas/"

// ID returns the name of the type in a JSON Schema, in ASCII. Names of Go have no
// hyphens, so that it is unique.
func (n *Named) ID() string {
	var id strings.Builder
	for _, r := range n.Name {
		if r < 0x80 {
			id.WriteRune(r)
		} else {
			fmt.Fprintf(&id, "-%x-", r)
		}
	}
	return id.String()
}

// JSONSchema returns the schema of the type, of draft 7. Objects may have further
// members.
func (t Type) JSONSchema() map[string]any {
	own := t.jsonSchema()
	choices := []any{own}
	if t.Empty {
		choices = append(choices, map[string]any{"type": "object", "maxProperties": 0})
	}
	if t.Null && t.Kind != Unknown {
		choices = append(choices, map[string]any{"type": "null"})
	}
	if len(choices) == 1 {
		return own
	}
	return map[string]any{"anyOf": choices}
}

func (t Type) jsonSchema() map[string]any {
	switch t.Kind {
	case Boolean:
		return map[string]any{"type": "boolean"}
	case Number:
		return map[string]any{"type": "number"}
	case Integer:
		return t.described(map[string]any{"type": "integer"})
	case String:
		return t.text()
	case Array:
		return t.items()
	case Map:
		return map[string]any{"type": "object", "additionalProperties": t.Elem.JSONSchema()}
	case Object:
		return t.members()
	case Literals:
		return map[string]any{"enum": t.Values}
	case Reference:
		return map[string]any{"$ref": references + t.Ref.ID()}
	case Unknown:
	}
	return map[string]any{}
}

func (t Type) text() map[string]any {
	s := map[string]any{"type": "string"}
	switch t.Format {
	case "":
	case Base64:
		s["contentEncoding"] = Base64
	default:
		s["format"] = t.Format
	}
	return s
}

func (t Type) items() map[string]any {
	s := map[string]any{"type": "array", "items": t.Elem.JSONSchema()}
	if t.Length >= 0 {
		s["minItems"], s["maxItems"] = t.Length, t.Length
	}
	return s
}

func (t Type) members() map[string]any {
	properties := map[string]any{}
	var required []string
	for _, f := range t.Fields {
		properties[f.Name] = f.Type.JSONSchema()
		if !f.Optional {
			required = append(required, f.Name)
		}
	}
	s := map[string]any{"type": "object", "properties": properties}
	if required != nil {
		s["required"] = required
	}
	return s
}

func (t Type) described(s map[string]any) map[string]any {
	if t.Note != "" {
		s["description"] = t.Note
	}
	return s
}

// Quote returns text as a string literal of JSON and of TypeScript.
func Quote(text string) string {
	quoted, err := encode(text)
	if err != nil {
		return `""` // never
	}
	return string(quoted)
}
