package protocol_test

import (
	"bytes"
	"html"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/echo-pull/pull/internal/protocol"
)

// An sse is a Server-Sent Event as a client reads it.
type sse struct {
	event, id, data string
	hasID           bool
}

// parseSSE reads a stream as the specification says:
// https://html.spec.whatwg.org/multipage/server-sent-events.html. Unlike an EventSource
// it also returns events without data. rest is what is no complete event.
func parseSSE(stream string) (list []sse, rest string) {
	stream = strings.ReplaceAll(strings.ReplaceAll(stream, "\r\n", "\n"), "\r", "\n")
	var e sse
	var data []string
	for {
		line, after, ended := strings.Cut(stream, "\n")
		if !ended {
			return list, stream
		}
		stream = after
		if line == "" {
			e.data = strings.Join(data, "\n")
			list, e, data = append(list, e), sse{}, nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.event = value
		case "data":
			data = append(data, value)
		case "id":
			e.id, e.hasID = value, true
		}
	}
}

// datastarArgs reads the data of an event as Datastar does.
func datastarArgs(data string) map[string]string {
	args := make(map[string][]string)
	for line := range strings.SplitSeq(data, "\n") {
		key, value, _ := strings.Cut(line, " ")
		args[key] = append(args[key], value)
	}
	joined := make(map[string]string)
	for key, lines := range args {
		joined[key] = strings.Join(lines, "\n")
	}
	return joined
}

// FuzzHTMLIsReadAsItWasWritten writes fragments in each dialect, and reads them as the
// clients do. Only line breaks may differ, which HTML does not tell apart.
func FuzzHTMLIsReadAsItWasWritten(f *testing.F) {
	for _, text := range []string{
		"<li id=\"a\">\r\n\r <b>\x00</b>\n\n</li>\n", "", "\n", "\r", "data: x\n\nevent: y", "<p id=x>\u2028\ufeff", " leading", ": comment", "<p id='\"]\\'>",
	} {
		for _, swap := range []string{"outer", "append", "upsert", "delete"} {
			f.Add(text, "#a, b > c", swap)
		}
	}
	f.Fuzz(func(t *testing.T, text, selector, swap string) {
		if !utf8.ValidString(text) || !utf8.ValidString(selector) || strings.ContainsAny(selector, "\r\n") || selector == "" {
			t.Skip("no fragment has these parts")
		}
		if swap == "delete" {
			text = ""
		}
		params, err := protocol.EncodeFragment(&protocol.Fragment{Selector: selector, Swap: swap, HTML: text})
		if err != nil {
			t.Fatal(err)
		}
		body := protocol.AppendBody(nil, "pull", "render", params)
		want := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
		places := 1
		if swap == "upsert" {
			places = 2
		}

		list, rest := parseSSE(string(protocol.Datastar.AppendHTMLEvent(nil, "epoch", 7, body)))
		if len(list) != places || rest != "" {
			t.Fatalf("Datastar reads %+v, and then %q", list, rest)
		}
		for i, e := range list {
			args := datastarArgs(e.data)
			_, some := args["elements"]
			if e.event != "datastar-patch-elements" || args["elements"] != want || some == (swap == "delete") || e.hasID != (i == places-1) || len(args) > 3 {
				t.Errorf("Datastar reads %+v, %q, want the elements %q", e, args, want)
			}
			if places == 1 && args["selector"] != selector {
				t.Errorf("Datastar reads the selector %q, want %q", args["selector"], selector)
			}
		}

		list, rest = parseSSE(string(protocol.HTMX.AppendHTMLEvent(nil, "epoch", 7, body)))
		if len(list) != 1 || rest != "" || list[0].id != "epoch.7" || list[0].event != "" {
			t.Fatalf("htmx reads %+v, and then %q", list, rest)
		}
		got := list[0].data
		for range places {
			head, after, _ := strings.Cut(got, `">`)
			target, _, _ := strings.Cut(strings.TrimPrefix(head, `<hx-partial hx-target="`), `"`)
			if target = html.UnescapeString(target); places == 1 && target != selector {
				t.Errorf("htmx reads the target %q, want %q", target, selector)
			}
			inner, ok := strings.CutPrefix(after, want+"</hx-partial>")
			if !ok {
				t.Fatalf("htmx reads %q, want the HTML %q", after, want)
			}
			got = inner
		}
		if got != "" {
			t.Errorf("htmx reads %q more", got)
		}
	})
}

// FuzzForeignBodyOnAnHTMLStream writes what anyone may have put into the log. It cannot
// end the event in which it is, or have another id.
func FuzzForeignBodyOnAnHTMLStream(f *testing.F) {
	for _, body := range []string{``, `"a:b",{}]`, "\"a:b\\n\",{}]", "\"a\n\nid: x:b\",{}]", `"pull:render",{"selector":1}]`, "\"tasks:x\",{\n\n\"a\":1}]", `"pull:withdraw",{}]`, `"pull:gap",{}]`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		for v := protocol.HTMX; v < protocol.Versions; v++ {
			list, rest := parseSSE(string(v.AppendHTMLEvent(nil, "epoch", 7, body)))
			if rest != "" || len(list) == 0 || len(list) > 2 {
				t.Fatalf("%q becomes %+v, and then %q", body, list, rest)
			}
			for i, e := range list {
				last := i == len(list)-1
				if e.hasID != last || last && e.id != "epoch.7" {
					t.Errorf("%q becomes %+v, want the id epoch.7 at the end", body, list)
				}
				if e.event != "" && !strings.HasPrefix(e.event, "pull:") && e.event != "datastar-patch-elements" {
					t.Errorf("%q becomes an event %q", body, e.event)
				}
			}
		}
		if !bytes.Equal(body, before) {
			t.Errorf("the body is %q now, want %q", body, before)
		}
	})
}

func TestElementIDIsThatOfTheFirstElement(t *testing.T) {
	for text, want := range map[string]string{
		`<li id="a">`: "a", ` <!-- <p id="c"> --> <li class='x' id='a b'>`: "a b", `<li id=a>`: "a", `<li ID = "a"/>`: "a", `<br/id=a>`: "a",
		`<li data-id="x" title="id=y" hidden id=a&amp;b>`: "a&b", `<li hidden>`: "", `<li><b id="a">`: "", `text <li id="a">`: "", `</li id="a">`: "",
		`<li id="a`: "", `<li`: "", `<`: "", ``: "", `<!-- `: "", `<my-row id="x-1">`: "x-1", "<li\n\tid\n=\n'a'>": "a", `<li id="">`: "",
	} {
		if got := protocol.ElementID(text); got != want {
			t.Errorf("%s has the id %q, want %q", text, got, want)
		}
	}
}

func FuzzElementID(f *testing.F) {
	f.Add(`<li class="x" =id='a'>`)
	f.Fuzz(func(t *testing.T, text string) {
		id := protocol.ElementID(text)
		if again := protocol.ElementID(`<p x id="` + html.EscapeString(id) + `">`); again != id {
			t.Errorf("%q has the id %q, which is then %q", text, id, again)
		}
	})
}
