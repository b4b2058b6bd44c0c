package inspect

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// visible returns a page of a template with characters that cannot be seen, such as those
// that reverse what follows them, as they are written in Go. Others may have chosen a name
// so that the sentence around it reads as another one. In tags they stay, because the value
// of a field is sent again.
func visible(page []byte) []byte {
	if !bytes.ContainsFunc(page, isInvisible) {
		return page
	}
	shown := make([]byte, 0, len(page)+64)
	inTag := false
	for rest := page; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch r {
		case '<':
			inTag = true
		case '>': // that of a value is escaped
			inTag = false
		}
		if !inTag && isInvisible(r) {
			shown = fmt.Appendf(shown, `\u%04x`, r)
		} else {
			shown = append(shown, rest[:size]...)
		}
		rest = rest[size:]
	}
	return shown
}

// isInvisible reports whether a character has no form of its own.
func isInvisible(r rune) bool { return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }
