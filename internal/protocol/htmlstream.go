package protocol

import (
	"encoding/json"
	"html"
	"math/rand/v2"
	"strconv"
	"strings"
)

// IsHTML reports whether v is not a version of the protocol but a dialect of the html
// stream, which other clients than ours understand.
func (v Version) IsHTML() bool { return v >= HTMX }

// htmlOverhead is about how many bytes an event of an html stream has besides its body.
// HTML of many lines has more.
const htmlOverhead = 160

// AppendHTMLEvent appends an event as an html stream has it: one or more Server-Sent
// Events, of which the last has the position as its id. What the dialect cannot show is
// an id alone, which moves the position of the client.
func (v Version) AppendHTMLEvent(b []byte, epoch string, offset uint64, body []byte) []byte {
	parts, ok := SplitBody(body)
	switch {
	case !ok:
	case string(parts.Module) != PluginModule && v == Datastar:
	case string(parts.Module) != PluginModule:
		b = appendEventName(append(b, "event: pull:"...), parts.Module)
		b = appendEventName(append(b, ':'), unquote(parts.command))
		b = appendID(append(b, '\n'), epoch, offset)
		return append(appendData(b, "", string(parts.Params)), '\n')
	case parts.Command() == RenderCommand:
		var f Fragment
		if json.Unmarshal(parts.Params, &f) == nil {
			return v.appendFragment(b, epoch, offset, &f)
		}
	}
	return AppendHTMLPosition(b, epoch, offset)
}

// IsFragment reports whether a body is that of a fragment.
func IsFragment(body []byte) bool {
	parts, ok := SplitBody(body)
	return ok && string(parts.Module) == PluginModule && parts.Command() == RenderCommand
}

// appendEventName appends a part of a name as the names of DOM events have it: all
// characters but letters, digits and . _ - : are percent-encoded.
func appendEventName(b, part []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range part {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("._-:", c) >= 0:
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// AppendHTMLPosition appends the position of an html stream, which clients repeat when
// they reconnect.
func AppendHTMLPosition(b []byte, epoch string, offset uint64) []byte {
	return append(appendID(b, epoch, offset), '\n')
}

// AppendHTMLRetry appends how long a client waits before it reconnects. It is drawn for
// each connection: the clients of other libraries would all return in the same moment.
func AppendHTMLRetry(b []byte) []byte {
	b = strconv.AppendInt(append(b, "retry: "...), 500+rand.Int64N(2500), 10) //nolint:gosec // no secret
	return append(b, '\n')
}

// AppendHTMLGap appends the notification of a gap, with the position after it. millis is
// the time, so that each gap is another value.
func (v Version) AppendHTMLGap(b []byte, epoch string, offset uint64, millis int64) []byte {
	if v == Datastar {
		b = append(b, "event: datastar-patch-signals\n"...)
		b = appendID(b, epoch, offset)
		b = strconv.AppendInt(append(b, `data: signals {"pullGap":`...), millis, 10)
		return append(b, "}\n\n"...)
	}
	b = append(b, "event: pull:gap\n"...)
	return append(appendID(b, epoch, offset), "data: {}\n\n"...)
}

// appendFragment appends a fragment in the dialect.
func (v Version) appendFragment(b []byte, epoch string, offset uint64, f *Fragment) []byte {
	places := f.places()
	if v == Datastar {
		for i, p := range places {
			b = append(b, "event: datastar-patch-elements\n"...)
			if i == len(places)-1 {
				b = appendID(b, epoch, offset)
			}
			b = appendData(b, "selector ", p.selector)
			b = appendData(b, "mode ", datastarMode(p.swap))
			if p.swap != "delete" {
				b = appendData(b, "elements ", f.HTML)
			}
			b = append(b, '\n')
		}
		return b
	}
	var text strings.Builder
	for _, p := range places {
		text.WriteString(`<hx-partial hx-target="` + html.EscapeString(p.selector) + `" hx-swap="` + v.htmxStyle(p.swap) + `">`)
		text.WriteString(f.HTML)
		text.WriteString("</hx-partial>")
	}
	b = appendID(b, epoch, offset)
	return append(appendData(b, "", text.String()), '\n')
}

// A place is where a client puts HTML, and how.
type place struct{ selector, swap string }

// places returns the places of a fragment. An upsert becomes two, of which one finds no
// element: the element with the id, and the selector if there is no such element.
func (f *Fragment) places() []place {
	if f.Swap != "upsert" {
		return []place{{f.Selector, f.Swap}}
	}
	id := `[id="` + cssString(ElementID(f.HTML)) + `"]`
	return []place{{id, "outer"}, {":root:not(:has(" + id + ")) :is(" + f.Selector + ")", "append"}}
}

// cssString escapes text for a string of CSS.
func cssString(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			b.WriteString(`\` + strconv.FormatInt(int64(r), 16) + " ")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// datastarMode returns the mode of Datastar that is a swap. Its outer is a morph.
func datastarMode(swap string) string {
	switch swap {
	case "outer":
		return "replace"
	case "morph":
		return "outer"
	case "delete":
		return "remove"
	}
	return swap
}

// htmxStyle returns the style of htmx that is a swap. htmx 2 has no morph of its own.
func (v Version) htmxStyle(swap string) string {
	switch swap {
	case "inner":
		return "innerHTML"
	case "before":
		return "beforebegin"
	case "prepend":
		return "afterbegin"
	case "append":
		return "beforeend"
	case "after":
		return "afterend"
	case "delete":
		return "delete"
	case "morph":
		if v == HTMX {
			return "outerMorph"
		}
	}
	return "outerHTML"
}

// appendID appends the id of a Server-Sent Event.
func appendID(b []byte, epoch string, offset uint64) []byte {
	b = append(append(append(b, "id: "...), epoch...), '.')
	return append(strconv.AppendUint(b, offset, 10), '\n')
}

// appendData appends text as the data of a Server-Sent Event, each line with the prefix.
// Lines may end with \n, \r\n or \r, as in HTML; the client gets \n.
func appendData(b []byte, prefix, text string) []byte {
	for {
		end := strings.IndexAny(text, "\r\n")
		line := text
		if end >= 0 {
			line = text[:end]
		}
		b = append(append(append(b, "data: "...), prefix...), line...)
		b = append(b, '\n')
		if end < 0 {
			return b
		}
		if strings.HasPrefix(text[end:], "\r\n") {
			end++
		}
		text = text[end+1:]
	}
}
