package typed

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// An APIInfo is what [WriteAsyncAPI] cannot know of an application.
type APIInfo struct {
	// Title is the name of the API. Default "Events".
	Title string

	// Version is the version of the API, not that of AsyncAPI. Default "1.0.0".
	Version string

	// Description is text in Markdown. Default none.
	Description string

	// URL is where browsers find the mounted plugin, such as
	// "https://example.com/pull". It is required. Its scheme is https or http.
	URL string
}

// mount returns the parsed URL.
func (i APIInfo) mount() (*url.URL, error) {
	u, err := url.Parse(i.URL)
	if err != nil {
		return nil, fmt.Errorf("pull: APIInfo.URL: %w", err)
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("pull: APIInfo.URL is not like https://example.com/pull")
	}
	return u, nil
}

// An object is an object in JSON. encoding/json sorts its members.
type object = map[string]any

// WriteAsyncAPI writes an AsyncAPI 3.0 document in JSON: the two servers, for
// WebSocket and for Server-Sent Events, one channel, an operation for each module, and
// each event with the JSON Schema of its params. It describes a client: its operations
// receive. The payload of a message is the array in which an event arrives; a frame is
// an array of them. The protocol's own messages, such as hello, are not described.
//
// Types are described as by [WriteTypeScript], and the errors are the same. Objects
// may have more members than described, so that an application can add some.
func WriteAsyncAPI(w io.Writer, info APIInfo, events ...Typed) error {
	mount, err := info.mount()
	if err != nil {
		return err
	}
	c, err := read(events)
	if err != nil {
		return err
	}
	about := object{"title": cmp.Or(info.Title, "Events"), "version": cmp.Or(info.Version, "1.0.0")}
	if info.Description != "" {
		about["description"] = info.Description
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(object{
		"asyncapi":           "3.0.0",
		"info":               about,
		"defaultContentType": "application/json",
		"servers":            servers(mount),
		"channels":           object{"events": c.channel(mount)},
		"operations":         c.operations(),
		"components":         object{"schemas": c.schemas()},
	})
	if err != nil {
		return fmt.Errorf("pull: write AsyncAPI: %w", err)
	}
	return nil
}

func servers(mount *url.URL) object {
	socket := "ws" + strings.TrimPrefix(mount.Scheme, "http") // wss for https
	return object{
		"websocket": object{"host": mount.Host, "protocol": socket, "description": "WebSocket. A text frame is an array of messages."},
		"sse": object{
			"host": mount.Host, "protocol": mount.Scheme,
			"description": "Server-Sent Events, for requests that accept text/event-stream. The data of an event is an array of messages.",
		},
	}
}

func (c *catalog) channel(mount *url.URL) object {
	messages := object{}
	for _, e := range c.events {
		messages[e.name()] = e.message()
	}
	query := object{
		"type": "object",
		"properties": object{
			"protocol": object{"type": "string", "const": "2"},
			"client":   object{"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": "A random id of the page."},
			"cursor":   object{"type": "string", "description": "The position up to which the client has received everything."},
		},
		"required": []string{"protocol"},
	}
	return object{
		"address":  cmp.Or(mount.EscapedPath(), "/"),
		"messages": messages,
		"bindings": object{"ws": object{"method": "GET", "query": query}},
	}
}

// message returns the message of an event, as docs/protocol.md describes it.
func (e entry) message() object {
	return object{
		"name": e.name(),
		"payload": object{
			"type": "array",
			"items": []any{
				object{"type": "integer", "description": "The offset of the event in the log."},
				object{"type": "integer", "description": "When it was sent, in milliseconds since 1970."},
				object{"const": e.name()},
				e.params.JSONSchema(),
			},
			"minItems": 4,
		},
	}
}

// operations returns one operation for each module.
func (c *catalog) operations() object {
	messages := map[string][]object{}
	for _, e := range c.events {
		messages[e.module] = append(messages[e.module], object{"$ref": "#/channels/events/messages/" + pointer(e.name())})
	}
	operations := object{}
	for module, its := range messages {
		operations["receive-"+module] = object{
			"action":   "receive",
			"channel":  object{"$ref": "#/channels/events"},
			"summary":  "The events of module " + module + ".",
			"messages": its,
		}
	}
	return operations
}

// pointer returns a name as a part of a reference: a JSON Pointer in a URL.
func pointer(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

func (c *catalog) schemas() object {
	schemas := object{}
	for _, n := range c.named {
		schemas[n.ID()] = n.Type.JSONSchema()
	}
	return schemas
}
