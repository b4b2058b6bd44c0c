// Package protocol writes the JSON that pages receive; docs/protocol.md describes it.
package protocol

import (
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"time"
)

// MaxIDBytes is the most that a message needs besides its body: {"id":N, and a comma.
const MaxIDBytes = len(`{"id":18446744073709551615,`) + 1

// AppendMessage appends a message at an offset as pages get it, from its body.
func AppendMessage(b []byte, offset uint64, body []byte) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendUint(b, offset, 10)
	b = append(b, ',')
	return append(b, body...)
}

// AppendEvent appends the body of an event up to its extra: the message without
// the leading brace and the id, which are known only when the log has ordered it.
// Module and command need no escaping.
func AppendEvent(b []byte, module, command string, params []byte) []byte {
	b = append(b, `"module_id":"`...)
	b = append(b, module...)
	b = append(b, `","command":"`...)
	b = append(b, command...)
	b = append(b, `","params":`...)
	b = append(b, params...)
	return append(b, `,"extra":`...)
}

// A Hello is the first message of a connection, and follows each gap.
type Hello struct {
	Epoch     string
	Offset    uint64
	User      string
	Recovered bool
	Tick      time.Duration
}

func (h *Hello) Encode(now time.Time) []byte {
	b := []byte(`{"module_id":"pull","command":"hello","params":{"protocol":1,"epoch":`)
	b = appendJSON(b, h.Epoch)
	b = append(b, `,"offset":`...)
	b = strconv.AppendUint(b, h.Offset, 10)
	b = append(b, `,"user":`...)
	b = appendJSON(b, h.User)
	b = append(b, `,"recovered":`...)
	b = strconv.AppendBool(b, h.Recovered)
	b = append(b, `,"tick":`...)
	b = strconv.AppendFloat(b, h.Tick.Seconds(), 'f', -1, 64)
	b = append(b, `,"server_time_unix":`...)
	b = appendUnix(b, now)
	return append(b, "}}"...)
}

// Tick is the message that moves the cursor of a quiet page. A page that the
// log of the epoch is not the log of, because it is being told of another one,
// stays where it is.
func Tick(epoch string, offset uint64) []byte {
	b := []byte(`{"module_id":"pull","command":"tick","params":{"epoch":`)
	b = append(appendJSON(b, epoch), `,"offset":`...)
	return append(strconv.AppendUint(b, offset, 10), "}}"...)
}

// Answer is what answers a request of a page.
func Answer(command string, params any) ([]byte, error) {
	return json.Marshal(struct {
		Module  string `json:"module_id"`
		Command string `json:"command"`
		Params  any    `json:"params"`
	}{"pull", command, params})
}

// AppendClose appends what a stream has in place of a close frame.
func AppendClose(b []byte, code int, reason string) []byte {
	b = append(b, `{"code":`...)
	b = strconv.AppendInt(b, int64(code), 10)
	b = append(b, `,"reason":`...)
	return append(appendJSON(b, reason), '}')
}

// An OnlineList names users who are online and counts all of them.
type OnlineList struct {
	Users  iter.Seq[string]
	Most   int // users it names
	Bytes  int // beyond which it names no more
	Count  int
	Guests int
}

func (l *OnlineList) Encode(now time.Time) []byte {
	b := []byte(`{"module_id":"online","command":"online_list","params":{"USERS":{`)
	listed := 0
	for user := range l.Users {
		if listed == l.Most || len(b) > l.Bytes {
			break
		}
		if listed++; listed > 1 {
			b = append(b, ',')
		}
		b = appendJSON(b, user)
		b = append(b, `:{"id":`...)
		b = appendJSON(b, user)
		b = append(b, `,"status":"online"}`...)
	}
	b = append(b, `},"COUNT":`...)
	b = strconv.AppendInt(b, int64(l.Count), 10)
	b = append(b, `,"GUESTS":`...)
	b = strconv.AppendInt(b, int64(l.Guests), 10)
	b = append(b, `},"extra":`...)
	return append(new(Clock).AppendExtra(b, now), '}')
}

// AppendUserChange appends that a user has come online or gone offline.
func AppendUserChange(b []byte, user string, online bool, now time.Time) []byte {
	status := "offline"
	if online {
		status = "online"
	}
	b = append(b, `{"module_id":"online","command":"user_`...)
	b = append(b, status...)
	b = append(b, `","params":{"STATUS":"`...)
	b = append(b, status...)
	b = append(b, `","USER_ID":`...)
	b = appendJSON(b, user)
	b = append(b, `},"extra":`...)
	return append(new(Clock).AppendExtra(b, now), '}')
}

// A Clock is the text of a moment's second, which costs more to write than
// everything around it and is the same for many moments in a row.
type Clock struct {
	unix int64
	text []byte
}

// AppendExtra appends what the server says of a message besides its params:
// when it was sent, for people and for arithmetic.
func (s *Clock) AppendExtra(b []byte, now time.Time) []byte {
	if unix := now.Unix(); unix != s.unix || s.text == nil {
		s.unix, s.text = unix, now.UTC().AppendFormat(s.text[:0], time.RFC3339)
	}
	b = append(b, `{"server_time":"`...)
	b = append(b, s.text...)
	b = append(b, `","server_time_unix":`...)
	return append(appendUnix(b, now), '}')
}

// appendUnix appends a moment as seconds since 1970, to the microsecond.
func appendUnix(b []byte, now time.Time) []byte {
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, '.')
	micros := now.Nanosecond() / int(time.Microsecond)
	for scale := 100_000; scale > 0; scale /= 10 {
		b = append(b, byte('0'+micros/scale%10))
	}
	return b
}

// appendJSON appends a string of the application's as JSON.
func appendJSON(b []byte, s string) []byte {
	if !strings.ContainsFunc(s, needsEscape) {
		return append(append(append(b, '"'), s...), '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // never: every string is JSON
	}
	return append(b, quoted...)
}

func needsEscape(r rune) bool {
	return r < ' ' || r > '~' || strings.ContainsRune("\"\\<>&", r)
}
