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

// CheckModule returns an error unless the id of a module consists of 1 to 100 letters,
// digits, and ". _ -". Such ids need no escaping in JSON, in the name of a hook or in a log
// line, and the colon after one is unambiguous.
func CheckModule(id string) error {
	if err := checkName("module id", id); err != nil {
		return err
	}
	for i := range len(id) {
		if !isNameByte(id[i]) {
			return fmt.Errorf("pull: module id %q: %s is not allowed", id, quoteFirst(id[i:]))
		}
	}
	return nil
}

// CheckCommand returns an error unless a command is text of 1 to 100 bytes, in UTF-8 and
// without control characters and line breaks.
func CheckCommand(command string) error {
	if err := checkName("command", command); err != nil {
		return err
	}
	if isPlain(command) {
		return nil
	}
	if !utf8.ValidString(command) {
		return fmt.Errorf("pull: command %q is not UTF-8", command)
	}
	if i := strings.IndexFunc(command, breaksLines); i >= 0 {
		return fmt.Errorf("pull: command %q: %s is not allowed", command, quoteFirst(command[i:]))
	}
	return nil
}

// breaksLines reports whether a character is a control character or breaks lines in a
// script.
func breaksLines(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// checkName returns an error if a name is empty or too long. what names the kind of name in
// the error.
func checkName(what, name string) error {
	if name == "" {
		return fmt.Errorf("pull: empty %s", what)
	}
	if len(name) > nameBytes {
		return fmt.Errorf("pull: %s of %d bytes, the limit is %d", what, len(name), nameBytes)
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
