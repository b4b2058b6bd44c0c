package protocol

import (
	"bytes"
	"strconv"
	"time"
)

// A Version is a version of the protocol. They differ in the form of events.
type Version uint8

// The versions of the protocol, and the dialects of the html stream.
const (
	V1 Version = iota + 1 // an event is an object
	V2                    // an event is an array

	HTMX     // fragments for htmx 4
	HTMX2    // fragments for htmx 2
	Datastar // fragments for Datastar

	Versions // larger than every version
)

// Overhead returns the largest number of bytes that an event needs besides its
// body, with a comma between events.
func (v Version) Overhead() int {
	switch {
	case v == V1:
		return objectOverhead
	case v.IsHTML():
		return htmlOverhead
	}
	return arrayOverhead
}

const (
	arrayOverhead  = len(`[18446744073709551615,9223372036854,`) + 1
	objectOverhead = len(`{"id":18446744073709551615,"module_id":"","command":"","params":,"extra":{"server_time":"2262-04-11T23:47:16Z","server_time_unix":9223372036.854775}}`) + 1
)

// AppendBody appends the body of an event: the event of version 2 without its
// offset, which is known only when the log has ordered it, and without its time,
// which the log has anyway. module and command must not need escaping, and module
// must not contain a colon.
func AppendBody(b []byte, module, command string, params []byte) []byte {
	b = append(b, '"')
	b = append(b, module...)
	b = append(b, ':')
	b = append(b, command...)
	b = append(b, `",`...)
	b = append(b, params...)
	return append(b, ']')
}

// SplitBody returns the parts of a body. It returns false if AppendBody has not
// made the body, as far as that can be seen without parsing the params.
func SplitBody(body []byte) (module, command, params []byte, ok bool) {
	rest, quoted := bytes.CutPrefix(body, []byte(`"`))
	module, rest, colon := bytes.Cut(rest, []byte(":"))
	command, rest, comma := bytes.Cut(rest, []byte(`",`))
	params, closed := bytes.CutSuffix(rest, []byte("]"))
	return module, command, params, quoted && colon && comma && closed
}

// AppendEvent appends an event as pages with this version receive it. at is the
// time when it was sent, in unix nanoseconds, not before 1970.
func (v Version) AppendEvent(b []byte, offset uint64, at int64, body []byte) []byte {
	if v == V1 {
		return appendObject(b, offset, at, body)
	}
	b = append(b, '[')
	b = strconv.AppendUint(b, offset, 10)
	b = append(b, ',')
	b = strconv.AppendInt(b, at/int64(time.Millisecond), 10)
	b = append(b, ',')
	return append(b, body...)
}

// appendObject appends an event of version 1. The names and params of a body that
// AppendBody has not made are empty.
func appendObject(b []byte, offset uint64, at int64, body []byte) []byte {
	module, command, params, ok := SplitBody(body)
	if !ok {
		module, command, params = nil, nil, []byte("{}")
	}
	b = append(b, `{"id":`...)
	b = strconv.AppendUint(b, offset, 10)
	b = append(b, `,"module_id":"`...)
	b = append(b, module...)
	b = append(b, `","command":"`...)
	b = append(b, command...)
	b = append(b, `","params":`...)
	b = append(b, params...)
	return append(appendExtra(b, time.Unix(0, at)), '}')
}

// appendExtra appends the extra of an object: the time at which it was sent, as
// text and as a number.
func appendExtra(b []byte, at time.Time) []byte {
	b = append(b, `,"extra":{"server_time":"`...)
	b = at.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","server_time_unix":`...)
	return append(appendUnix(b, at), '}')
}
