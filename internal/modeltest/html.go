package modeltest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// dialHTML connects to a node as a client of htmx does: its cursor is the id of the last
// event, and it repeats the address with its grants. Before the first event it may have
// no cursor but the grants, which then determine where it begins.
func (p *page) dialHTML(n *Node, cursor string) (f frames, closer func(), err error) {
	query := url.Values{"client": {p.client}, "format": {p.html}}
	for _, grants := range p.present() {
		query["grant"] = grants
	}
	header := p.header()
	switch {
	case p.lastID != "" && p.greeted:
		header.Set("Last-Event-ID", p.lastID)
	case cursor != "" && (len(query["grant"]) == 0 || p.chance.IntN(2) == 0):
		query.Set("cursor", cursor)
	}
	lines, closer, err := p.open(n, "/html?"+query.Encode(), header)
	if err != nil {
		p.forget()
		return nil, nil, err
	}
	first := true
	return func() (string, []byte, error) {
		name, id, data, err := readHTML(lines)
		if err != nil {
			return "", nil, err
		}
		frame, err := p.translate(name, id, data, cursor, first)
		first = false
		return id, frame, err
	}, closer, nil
}

// forget makes the page one that has to be loaded again, if its grants may have been
// refused.
func (p *page) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.world.CrashesLose && len(p.watches) > 0 {
		p.epoch, p.lastID, p.watches, p.unsure = "", "", nil, nil
	}
}

// readHTML returns the next event of a html stream, which has an id.
func readHTML(lines *bufio.Reader) (name, id, data string, err error) {
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return "", "", "", err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case field == "event":
			name = value
		case field == "id":
			id = value
		case field == "data":
			data = value
		case line == "\n" && (id != "" || name != ""):
			return name, id, data, nil
		}
	}
}

// translate returns an event of a html stream as the messages that other pages get.
func (p *page) translate(name, id, data, cursor string, first bool) ([]byte, error) {
	epoch, digits, _ := strings.Cut(id, ".")
	offset, _ := strconv.ParseUint(digits, 10, 64)
	gap := name == "pull:gap"
	switch {
	case name == "pull:close" || name == "pull:stop":
		return nil, fmt.Errorf("closed: %s", data)
	case gap || first && name == "":
		return p.helloOf(epoch, offset, first && !gap && cursor != "", first), nil
	case name == "":
		return fmt.Appendf(nil, `[{"module_id":"pull","command":"tick","params":{"offset":%d}}]`, offset), nil
	}
	parts := strings.Split(name, ":")
	if len(parts) != 3 || parts[0] != "pull" || first {
		return nil, fmt.Errorf("event %q (first %t)", name, first)
	}
	return fmt.Appendf(nil, `[{"id":%d,"module_id":%q,"command":%q,"params":%s}]`, offset, parts[1], parts[2], data), nil
}

// helloOf returns the hello for a position, and at the begin of a connection the answer to
// the grants: all are in force.
func (p *page) helloOf(epoch string, offset uint64, recovered, first bool) []byte {
	if recovered && offset != p.position {
		p.world.t.Errorf("%s: begins at %s.%d, want %s.%d", p, epoch, offset, p.epoch, p.position)
	}
	answers := make(map[string]answer)
	for _, w := range p.watches {
		answers[w.grant] = answer{State: "ok", Grant: w.grant}
	}
	b := fmt.Appendf(nil, `[{"module_id":"pull","command":"hello","params":{"epoch":%q,"offset":%d,"recovered":%t}}`, epoch, offset, recovered)
	if first && len(answers) > 0 {
		params, _ := json.Marshal(answers) //nolint:errchkjson // strings
		b = append(append(append(b, `,{"module_id":"pull","command":"grants","params":`...), params...), '}')
	}
	return append(b, ']')
}
