// Package protocol encodes the JSON that pages receive. docs/protocol.md
// describes it.
package protocol

import (
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"time"
)

// A Hello is the first message of a connection. It is also sent after each gap.
type Hello struct {
	Version   Version
	Epoch     string
	Offset    uint64
	User      string
	Recovered bool
	Tick      time.Duration
	Push      bool // users get notifications unless they look at a page: the page reports that
}

// Encode returns the message.
func (h *Hello) Encode(now time.Time) []byte {
	b := []byte(`{"module_id":"pull","command":"hello","params":{"protocol":`)
	b = strconv.AppendUint(b, uint64(h.Version), 10)
	b = append(b, `,"epoch":`...)
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
	if h.Push {
		b = append(b, `,"push":true`...)
	}
	return append(b, "}}"...)
}

// Tick returns the message that moves the cursor of a page without events. The
// page ignores it if its own cursor is of another epoch: then a hello of the
// new epoch is on its way.
func Tick(epoch string, offset uint64) []byte {
	b := []byte(`{"module_id":"pull","command":"tick","params":{"epoch":`)
	b = append(appendJSON(b, epoch), `,"offset":`...)
	return append(strconv.AppendUint(b, offset, 10), "}}"...)
}

// Session returns the message that asks a page to renew its session, which ends at a
// time.
func Session(until time.Time) []byte {
	b := []byte(`{"module_id":"pull","command":"session","params":{"until":`)
	return append(strconv.AppendInt(b, until.Unix(), 10), "}}"...)
}

// Reply returns the response to a request of a page.
func Reply(command string, params any) ([]byte, error) {
	return json.Marshal(struct {
		Module  string `json:"module_id"`
		Command string `json:"command"`
		Params  any    `json:"params"`
	}{"pull", command, params})
}

// A GrantState is what became of a grant that a page has presented.
type GrantState string

// The states of grants.
const (
	GrantOK      GrantState = "ok"
	GrantGap     GrantState = "gap"     // the page watches, but has missed something
	GrantExpired GrantState = "expired" // the others are refusals
	GrantForged  GrantState = "forged"
	GrantForeign GrantState = "foreign"
	GrantLimit   GrantState = "limit"
)

// A GrantAnswer is the answer to one grant.
type GrantAnswer struct {
	State GrantState `json:"state"`
	Grant string     `json:"grant,omitempty"` // the renewed one
}

// AppendClose appends what a stream sends in place of a WebSocket close frame.
func AppendClose(b []byte, code int, reason string) []byte {
	b = append(b, `{"code":`...)
	b = strconv.AppendInt(b, int64(code), 10)
	b = append(b, `,"reason":`...)
	return append(appendJSON(b, reason), '}')
}

// An OnlineList contains users who are online and the number of all of them.
type OnlineList struct {
	Users  iter.Seq[string]
	Bytes  int // largest size of the message, unless it lists nobody: the first user who does not fit ends the list
	Count  int
	Guests int
}

// Encode returns the message.
func (l *OnlineList) Encode(now time.Time) []byte {
	end := l.appendEnd(nil, now)
	b := []byte(`{"module_id":"online","command":"online_list","params":{"USERS":{`)
	before := len(b)
	for user := range l.Users {
		listed := len(b)
		if listed > before {
			b = append(b, ',')
		}
		b = appendJSON(b, user)
		b = append(b, `:{"id":`...)
		b = appendJSON(b, user)
		b = append(b, `,"status":"online"}`...)
		if len(b)+len(end) > l.Bytes {
			b = b[:listed]
			break
		}
	}
	return append(b, end...)
}

// appendEnd appends what follows the users.
func (l *OnlineList) appendEnd(b []byte, now time.Time) []byte {
	b = append(b, `},"COUNT":`...)
	b = strconv.AppendInt(b, int64(l.Count), 10)
	b = append(b, `,"GUESTS":`...)
	b = strconv.AppendInt(b, int64(l.Guests), 10)
	return append(appendExtra(append(b, '}'), now), '}')
}

// AppendUserChange appends the message that a user has come online or gone
// offline.
func AppendUserChange(b []byte, user string, online bool, now time.Time) []byte { //nolint:revive // online is what the message contains, not a mode
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
	return append(appendExtra(append(b, '}'), now), '}')
}

// appendUnix appends a time as seconds since 1970, to the microsecond.
func appendUnix(b []byte, now time.Time) []byte {
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, '.')
	micros := now.Nanosecond() / int(time.Microsecond)
	for scale := 100_000; scale > 0; scale /= 10 {
		b = append(b, byte('0'+micros/scale%10))
	}
	return b
}

// appendJSON appends a string as JSON.
func appendJSON(b []byte, s string) []byte { return append(appendEscaped(append(b, '"'), s), '"') }

// appendEscaped appends a string as it stands between the quotes of JSON.
func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		if needsEscape[s[i]] {
			quoted, err := json.Marshal(s)
			if err != nil {
				return b // never: every string is JSON
			}
			return append(b, quoted[1:len(quoted)-1]...)
		}
	}
	return append(b, s...)
}

// needsEscape has the bytes of which encoding/json decides how they are escaped.
var needsEscape = func() (set [256]bool) { //nolint:gochecknoglobals // a constant
	for c := range set {
		set[c] = c < ' ' || c > '~' || strings.ContainsRune("\"\\<>&", rune(c))
	}
	return set
}()
