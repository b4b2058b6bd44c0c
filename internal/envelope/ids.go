package envelope

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxIDBytes is the largest size of a user id or tag.
	MaxIDBytes = 255
	nameBytes  = 100 // largest size of a module id or command
)

// CheckIDs returns an error if one of the ids is empty, too long, not UTF-8, or
// contains a control character. HTML alters control characters, so such an id
// would not reach a page unchanged. what names the kind of id in the error.
func CheckIDs(what string, ids []string) error {
	for _, id := range ids {
		switch {
		case id == "":
			return fmt.Errorf("pull: empty %s", what)
		case len(id) > MaxIDBytes:
			return fmt.Errorf("pull: %s of %d bytes, the limit is %d", what, len(id), MaxIDBytes)
		case isPlain(id):
		case !utf8.ValidString(id):
			return fmt.Errorf("pull: %s %q is not UTF-8", what, id)
		case strings.ContainsFunc(id, unicode.IsControl):
			return fmt.Errorf("pull: %s %q contains a control character", what, id)
		}
	}
	return nil
}

// isPlain reports whether a string contains only printable ASCII, as most ids
// do.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// CheckName returns an error unless a name consists of letters, digits, ". _ -"
// and the bytes in more. Such names need no escaping in JSON, in the name of a
// hook or in a log line. what names the kind of name in the error.
func CheckName(what, name, more string) error {
	if name == "" {
		return fmt.Errorf("pull: empty %s", what)
	}
	if len(name) > nameBytes {
		return fmt.Errorf("pull: %s of %d bytes, the limit is %d", what, len(name), nameBytes)
	}
	for i := range len(name) {
		if c := name[i]; !isNameByte(c) && strings.IndexByte(more, c) < 0 {
			return fmt.Errorf("pull: %s %q: %s is not allowed", what, name, quoteFirst(name[i:]))
		}
	}
	return nil
}

// quoteFirst quotes the first character of s, or its first byte if s does not
// begin with UTF-8.
func quoteFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 {
		return fmt.Sprintf(`'\x%02x'`, s[0])
	}
	return strconv.QuoteRune(r)
}

// isNameByte reports whether c is allowed in every name.
func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// NewID returns a random id of eight letters and digits.
func NewID() string { return strings.ToLower(rand.Text()[:nodeIDBytes]) }

// MaxClientIDBytes is the largest size of a page's id.
const MaxClientIDBytes = 64

// IsClientID reports whether id is a valid id of a page: 1 to 64 letters,
// digits, - and _.
func IsClientID(id string) bool {
	if id == "" || len(id) > MaxClientIDBytes {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !isNameByte(c) || c == '.' {
			return false
		}
	}
	return true
}
