package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// A dialect is what a client must send to a kind of server.
type dialect struct {
	tags   int                   // that the users hold in turn
	path   string                // of the first request
	header func(user int) string // further header lines
	status string                // of the response
	steps  func(user int) []step // of the handshake after it
	ping   string                // a text that the client must answer
	pong   string                // the response to it
	stream func() decoder
}

// A step of a handshake: send a text, then wait for all of these.
type step struct {
	say  string
	hear []string
}

func dialectOf(name string, tags int) (dialect, error) {
	d := dialect{tags: tags, path: "/?", header: upgrade, status: "101", steps: silent, stream: newFrames}
	switch name {
	case "websocket":
	case "pull", "pull-deflate":
		d.path, d.header, d.steps = pullPath, d.identified(upgrade), hello
		if name == "pull-deflate" {
			d.header, d.stream = d.identified(deflated), newDeflated()
		}
	case "pull-sse":
		d.path, d.header, d.steps = pullPath, d.identified(stream), hello
		d.status, d.stream = "200", newEvents
	case "centrifuge":
		d.steps = d.subscribe
		d.ping, d.pong = "{}", "{}"
	case "socket.io":
		d.path = "/socket.io/?EIO=4&transport=websocket&"
		d.steps = func(int) []step { return []step{{hear: []string{`0{"sid"`}}, {say: "40", hear: []string{`40{"sid"`}}} }
		d.ping, d.pong = "2", "3"
	case "sse":
		d.header = stream
		d.status, d.stream = "200", newChunkedEvents
	default:
		return d, fmt.Errorf("no dialect %q", name)
	}
	return d, nil
}

// pullPath asks for the newest protocol; a server without it ignores the parameter.
const pullPath = "/pull?protocol=2&"

// identified adds how the application with pull identifies its users.
func (d dialect) identified(header func(user int) string) func(user int) string {
	return func(user int) string {
		return header(user) + "Bench-User: u" + strconv.Itoa(user) + "\r\nBench-Tag: " + strconv.Itoa(user%d.tags) + "\r\n"
	}
}

// silent is for servers that send nothing first.
func silent(int) []step { return nil }

// hello is the first text that pull sends.
func hello(int) []step { return []step{{hear: []string{`hello`}}} }

func stream(int) string { return "Accept: text/event-stream\r\n" }

func upgrade(int) string {
	return "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
}

// deflated is upgrade with an offer to compress each message by itself.
func deflated(user int) string {
	return upgrade(user) + "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
}

// subscribe connects to centrifuge and joins three channels.
func (d dialect) subscribe(user int) []step {
	return []step{
		{say: `{"id":1,"connect":{}}`, hear: []string{`"id":1`}},
		{
			say: `{"id":2,"subscribe":{"channel":"all"}}` + "\n" +
				`{"id":3,"subscribe":{"channel":"user:u` + strconv.Itoa(user) + `"}}` + "\n" +
				`{"id":4,"subscribe":{"channel":"tag:` + strconv.Itoa(user%d.tags) + `"}}`,
			hear: []string{`"id":2`, `"id":3`, `"id":4`},
		},
	}
}

// request returns the first request of a client.
func (d dialect) request(host string, user int) []byte {
	return fmt.Appendf(nil, "GET %suser=u%d&tag=%d&client=bench-client-%08d HTTP/1.1\r\nHost: %s\r\n%s\r\n",
		d.path, user, user%d.tags, user, host, d.header(user))
}

// heard reports whether all of these texts have arrived.
func (s step) heard(seen []byte) bool {
	for _, text := range s.hear {
		if !bytes.Contains(seen, []byte(text)) {
			return false
		}
	}
	return true
}
