package protocol

import (
	"strconv"
	"time"
)

// A SendState is what became of a message that a page has sent.
type SendState string

// The states of messages.
const (
	SendOK        SendState = "ok"        // it is on its way
	SendForbidden SendState = "forbidden" // the application does not permit it
	SendLimit     SendState = "limit"     // the user has sent too many
	SendLarge     SendState = "large"
	SendBusy      SendState = "busy" // the server cannot pass it on now
)

// A Sent is the answer to a message of a page.
type Sent struct {
	N     uint64    `json:"n"` // the page's number of the message
	State SendState `json:"state"`
}

// AppendMessage appends a message of a page as pages with this version receive it:
// an event without an offset, whose extra names the user who sent it, and if tab is not
// nil, the number of the one of the page's tabs that does not get it. body is what
// AppendBody has made. at is the time when it was sent, in unix nanoseconds, not before
// 1970. An html stream has no place for it.
func (v Version) AppendMessage(b []byte, at int64, sender string, tab, body []byte) []byte {
	parts := splitOrEmpty(body)
	parts.Extra = append(appendJSON([]byte(`{"sender":{"type":1,"id":`), sender), '}')
	if tab != nil {
		parts.Extra = append(append(append(parts.Extra, `,"tab":"`...), tab...), '"')
	}
	parts.Extra = append(parts.Extra, '}')
	if v == V1 {
		return appendObject(b, 0, at, parts)
	}
	b = append(b, "[0,"...)
	b = strconv.AppendInt(b, at/int64(time.Millisecond), 10)
	b = append(append(append(b, `,"`...), parts.Module...), ':')
	b = append(append(append(b, parts.command...), `",`...), parts.Params...)
	return append(append(append(b, ','), parts.Extra...), ']')
}
