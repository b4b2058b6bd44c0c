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
	MaxIDBytes = 255 // longest user id and tag
	nameBytes  = 100 // longest module id and command
)

// CheckIDs holds ids to what reaches a page unchanged: text without control
// characters, which HTML alters.
func CheckIDs(what string, ids []string) error {
	for _, id := range ids {
		switch {
		case id == "":
			return fmt.Errorf("pull: empty %s", what)
		case len(id) > MaxIDBytes:
			return fmt.Errorf("pull: %s of %d bytes, the limit is %d", what, len(id), MaxIDBytes)
		case IsPlain(id):
		case !utf8.ValidString(id):
			return fmt.Errorf("pull: %s %q is not UTF-8", what, id)
		case strings.ContainsFunc(id, unicode.IsControl):
			return fmt.Errorf("pull: %s %q contains a control character", what, id)
		}
	}
	return nil
}

// IsPlain tells whether a string is of nothing but printable ASCII, as
// most ids are.
func IsPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// CheckName holds names to letters, digits and ". _ -", so that they need no
// escaping in JSON, in the name of a hook or in a log line.
func CheckName(what, name, more string) error {
	if name == "" {
		return fmt.Errorf("pull: empty %s", what)
	}
	if len(name) > nameBytes {
		return fmt.Errorf("pull: %s of %d bytes, the limit is %d", what, len(name), nameBytes)
	}
	for i := range len(name) {
		if c := name[i]; !IsNameByte(c) && strings.IndexByte(more, c) < 0 {
			return fmt.Errorf("pull: %s %q: %s is not allowed", what, name, quoteFirst(name[i:]))
		}
	}
	return nil
}

// quoteFirst quotes the first character of s, or its first byte where that is
// not UTF-8.
func quoteFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 {
		return fmt.Sprintf(`'\x%02x'`, s[0])
	}
	return strconv.QuoteRune(r)
}

func IsNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// NewID returns eight letters and digits that no one has used before.
func NewID() string { return strings.ToLower(rand.Text()[:nodeIDBytes]) }

// ClientBytes is the longest id of a page.
const ClientBytes = 64

// IsClient reports whether a string may be the id of a page: 1 to 64 letters,
// digits, - and _.
func IsClient(id string) bool {
	if id == "" || len(id) > ClientBytes {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !IsNameByte(c) || c == '.' {
			return false
		}
	}
	return true
}
