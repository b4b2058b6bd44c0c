package event

import "unicode/utf8"

// deepest is how deeply nested the JSON may be that isReady accepts.
const deepest = 64

// isReady reports whether text is an object or an array in JSON that can be sent
// as it is: valid, in UTF-8, and on one line. It is much faster than encoding/json,
// and may reject what that accepts: params that it rejects are encoded as any others.
func isReady(text []byte) bool {
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false
	}
	s := scanner{text: text}
	return s.value(deepest) && s.at == len(text) && utf8.Valid(text)
}

// A scanner reads JSON. Its methods return false for what is no JSON. They do not
// check UTF-8.
type scanner struct {
	text []byte
	at   int
}

// value reads a value, which may be nested so deep.
func (s *scanner) value(deep int) bool {
	switch s.next() {
	case '{':
		return s.list('}', deep-1)
	case '[':
		return s.list(']', deep-1)
	case '"':
		return s.string()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

// list reads an object or an array up to its end, which may be nested so deep.
func (s *scanner) list(end byte, deep int) bool {
	if deep < 0 {
		return false
	}
	s.at++
	if s.space(); s.next() == end {
		s.at++
		return true
	}
	for {
		if end == '}' && !s.name() {
			return false
		}
		if s.space(); !s.value(deep) {
			return false
		}
		s.space()
		c := s.next()
		s.at++
		if c != ',' {
			return c == end
		}
		s.space()
	}
}

// name reads the name of an object's member, with its colon.
func (s *scanner) name() bool {
	if s.next() != '"' || !s.string() {
		return false
	}
	s.space()
	return s.byte(':')
}

// string reads a string, whose opening quote is next.
func (s *scanner) string() bool {
	text := s.text
	for i := s.at + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			s.at = i + 1
			return true
		case c == '\\':
			n := escape(text[i+1:])
			if n == 0 {
				return false
			}
			i += n
		case c < ' ':
			return false
		}
	}
	return false
}

// escape returns the length of what follows a backslash, or 0 if that is no escape
// sequence.
func escape(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	switch text[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		for i := 1; i <= 4; i++ {
			if i == len(text) || !isHex(text[i]) {
				return 0
			}
		}
		return 5
	}
	return 0
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number reads a number.
func (s *scanner) number() bool {
	s.byte('-')
	if !s.byte('0') && !s.digits() {
		return false
	}
	if s.byte('.') && !s.digits() {
		return false
	}
	if s.byte('e') || s.byte('E') {
		_ = s.byte('+') || s.byte('-')
		return s.digits()
	}
	return true
}

// digits reads one digit or more.
func (s *scanner) digits() bool {
	from := s.at
	for isDigit(s.next()) {
		s.at++
	}
	return s.at > from
}

// word reads a word.
func (s *scanner) word(w string) bool {
	if len(s.text)-s.at < len(w) || string(s.text[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return true
}

// byte reads a byte if it is the next one.
func (s *scanner) byte(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

// space reads spaces and tabs. Line breaks are left, and no part of anything.
func (s *scanner) space() {
	for s.next() == ' ' || s.next() == '\t' {
		s.at++
	}
}

// next returns the next byte without reading it, or 0 at the end.
func (s *scanner) next() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}
