package protocol

import "bytes"

// A Body is an event of version 2 without its offset, which is known only when the log has
// ordered it, and without its time, which the log has anyway. Its fields are JSON, and parts
// of the bytes that were split.
type Body struct {
	Module  []byte
	command []byte // between the quotes: it may have escapes
	Params  []byte
	Extra   []byte // an object; nil if the event has none
}

// AppendBody appends the body of an event. module must not need escaping, and must not
// contain a colon.
func AppendBody(b []byte, module, command string, params []byte) []byte {
	b = append(append(append(b, '"'), module...), ':')
	b = append(appendEscaped(b, command), `",`...)
	return append(append(b, params...), ']')
}

// AppendExtra adds extra, an object with members, to a body that has been appended last,
// and has none.
func AppendExtra(b, extra []byte) []byte {
	b[len(b)-1] = ','
	return append(append(b, extra...), ']')
}

// TabBytes is at most how much larger AppendTab makes a body.
const TabBytes = len(`,{"tab":"1234567890"}`)

// AppendTab adds to a body that has been appended last the number of the one of the page's
// tabs that does not get the event.
func AppendTab(b, tab []byte) []byte {
	parts, ok := SplitBody(b)
	switch {
	case !ok:
		return b
	case len(parts.Extra) > len("{}"):
		b = append(b[:len(b)-len("}]")], ',')
	case len(parts.Extra) > 0:
		b = b[:len(b)-len("}]")]
	default:
		b = append(b[:len(b)-len("]")], ",{"...)
	}
	b = append(append(b, `"tab":"`...), tab...)
	return append(b, `"}]`...)
}

// SplitBody returns the parts of a body. It returns false if AppendBody and AppendExtra have
// not made the body, as far as that can be seen without parsing the params.
func SplitBody(body []byte) (parts Body, ok bool) {
	name := stringLength(body)
	if name == 0 {
		return Body{}, false
	}
	module, command, colon := bytes.Cut(body[1:name-1], []byte(":"))
	rest, comma := bytes.CutPrefix(body[name:], []byte(","))
	rest, closed := bytes.CutSuffix(rest, []byte("]"))
	parts = Body{Module: module, command: command, Params: rest}
	if bytes.Contains(rest, []byte(`,{"`)) { // without this the params are all there is
		parts.Params, parts.Extra = splitExtra(rest)
	}
	return parts, colon && comma && closed
}

// splitOrEmpty is SplitBody, which makes an event without names of what is no body.
func splitOrEmpty(body []byte) Body {
	if parts, ok := SplitBody(body); ok {
		return parts
	}
	return Body{Params: []byte("{}")}
}

// splitExtra splits what stands after the name.
func splitExtra(rest []byte) (params, extra []byte) {
	n := valueLength(rest)
	extra, found := bytes.CutPrefix(rest[n:], []byte(","))
	if n == 0 || !found || valueLength(extra) != len(extra) {
		return rest, nil
	}
	return rest[:n], extra
}

// Command returns the command.
func (b *Body) Command() string { return string(unquote(b.command)) }

// AppendMerged appends a body with what one user gets besides what all get: own is
// merged over the params. A body whose params are no object stays as it is.
func AppendMerged(b, body, own []byte) []byte {
	parts, ok := SplitBody(body)
	if !ok {
		return append(b, body...)
	}
	from := stringLength(body) + 1
	merged, ok := appendMerged(append(b, body[:from]...), parts.Params, own)
	if !ok {
		return append(b, body...)
	}
	return append(merged, body[from+len(parts.Params):]...)
}
