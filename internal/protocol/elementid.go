package protocol

import (
	"html"
	"strings"
)

// ElementID returns the id of the first element of some HTML, or "" if it has none.
func ElementID(text string) string {
	rest := strings.TrimLeft(text, htmlSpace)
	for strings.HasPrefix(rest, "<!--") {
		_, after, _ := strings.Cut(rest, "-->")
		rest = strings.TrimLeft(after, htmlSpace)
	}
	name := strings.TrimPrefix(rest, "<")
	if len(name) == len(rest) || name == "" || !isLetter(name[0]) {
		return "" // text, or the end of an element
	}
	rest = name[tokenEnd(name, htmlSpace+"/>"):]
	for {
		key, value, after, ok := nextAttribute(rest)
		if !ok {
			return ""
		}
		if strings.EqualFold(key, "id") {
			return html.UnescapeString(value)
		}
		rest = after
	}
}

const htmlSpace = " \t\n\f\r"

// nextAttribute returns the next attribute of a tag, with the value as it is written.
// It returns false at the end of the tag.
func nextAttribute(tag string) (key, value, rest string, ok bool) {
	tag = strings.TrimLeft(tag, htmlSpace+"/")
	if tag == "" || tag[0] == '>' {
		return "", "", "", false
	}
	end := tokenEnd(tag[1:], htmlSpace+"/>=") + 1 // a name may begin with =
	key, rest = tag[:end], strings.TrimLeft(tag[end:], htmlSpace)
	if !strings.HasPrefix(rest, "=") {
		return key, "", rest, true
	}
	rest = strings.TrimLeft(rest[1:], htmlSpace)
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		value, after, closed := strings.Cut(rest[1:], rest[:1])
		return key, value, after, closed
	}
	end = tokenEnd(rest, htmlSpace+">")
	return key, rest[:end], rest[end:], true
}

// tokenEnd returns the index of the first byte in s that ends a token.
func tokenEnd(s, ends string) int {
	if i := strings.IndexAny(s, ends); i >= 0 {
		return i
	}
	return len(s)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
