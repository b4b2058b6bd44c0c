package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// CheckObject returns an error unless text, which is valid JSON, is an object in which
// no key stands twice.
func CheckObject(text []byte) error {
	if len(text) == 0 || text[0] != '{' {
		return errNoObject
	}
	keys := make(map[string]struct{})
	twice := ""
	if eachMember(text, func(key, _ []byte) bool {
		if _, has := keys[string(key)]; has {
			twice = string(key)
			return false
		}
		keys[string(key)] = struct{}{}
		return true
	}) {
		return nil
	}
	return fmt.Errorf("the key %q stands twice in %.40q", twice, text)
}

var errNoObject = errors.New("not a JSON object")

// appendMerged appends the object params with the members of the object own: those
// replace members of params with the same key. It returns false, and b unchanged, if one
// of them is no object.
func appendMerged(b, params, own []byte) ([]byte, bool) {
	keys := make(map[string]struct{})
	if !eachMember(own, func(key, _ []byte) bool {
		keys[string(key)] = struct{}{}
		return true
	}) {
		return b, false
	}
	merged := append(b, '{')
	if !eachMember(params, func(key, member []byte) bool {
		if _, replaced := keys[string(key)]; !replaced {
			merged = append(append(merged, member...), ',')
		}
		return true
	}) {
		return b, false
	}
	if len(keys) == 0 { // no member follows
		return append(merged[:len(b)], params...), true
	}
	return append(merged, own[1:]...), true
}

// eachMember calls visit for each member of a JSON object, with its key and its text,
// until visit returns false. It returns whether the text is an object, as far as it can
// see without checking all of it, and visit returned true each time.
func eachMember(text []byte, visit func(key, member []byte) bool) bool {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return false
	}
	rest := trimSpace(text[1 : len(text)-1])
	for len(rest) > 0 {
		key, member, after, ok := cutMember(rest)
		if !ok || !visit(key, member) {
			return false
		}
		rest = after
	}
	return true
}

// cutMember returns the first member of what an object encloses, and what follows the
// comma after it.
func cutMember(text []byte) (key, member, rest []byte, ok bool) {
	name := stringLength(text)
	value, colon := bytes.CutPrefix(trimSpace(text[name:]), []byte(":"))
	value = trimSpace(value)
	n := valueLength(value)
	if name == 0 || !colon || n == 0 {
		return nil, nil, nil, false
	}
	key, member = unquote(text[1:name-1]), text[:len(text)-len(value)+n]
	end := trimSpace(value[n:])
	if len(end) == 0 {
		return key, member, nil, true
	}
	rest, comma := bytes.CutPrefix(end, []byte(","))
	rest = trimSpace(rest)
	return key, member, rest, comma && len(rest) > 0
}

// trimSpace returns text without the space before it. Params are on one line.
func trimSpace(text []byte) []byte { return bytes.TrimLeft(text, " \t") }

// unquote returns the string whose JSON, without quotes, is text.
func unquote(text []byte) []byte {
	var s string
	if bytes.IndexByte(text, '\\') < 0 || json.Unmarshal(slices.Concat(quote, text, quote), &s) != nil {
		return text
	}
	return []byte(s)
}

var quote = []byte{'"'} //nolint:gochecknoglobals // a constant

// stringLength returns the length of the JSON string with which text begins, or 0 if it
// begins with none.
func stringLength(text []byte) int {
	if len(text) == 0 || text[0] != '"' {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return 0
}

// valueLength returns the length of the JSON value with which text begins, or 0 if it
// does not end. It looks for nothing but the end.
func valueLength(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	switch text[0] {
	case '"':
		return stringLength(text)
	case '{', '[':
		return nestedLength(text)
	}
	if end := bytes.IndexAny(text, ",]} \t"); end >= 0 {
		return end
	}
	return len(text)
}

// nestedLength is valueLength for an object or an array.
func nestedLength(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			n := stringLength(text[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}
