package protocol

import (
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

// AppendEvent appends an event as pages with this version receive it. at is the
// time when it was sent, in unix nanoseconds, not before 1970.
func (v Version) AppendEvent(b []byte, offset uint64, at int64, body []byte) []byte {
	if v == V1 {
		return appendObject(b, offset, at, splitOrEmpty(body))
	}
	b = append(b, '[')
	b = strconv.AppendUint(b, offset, 10)
	b = append(b, ',')
	b = strconv.AppendInt(b, at/int64(time.Millisecond), 10)
	b = append(b, ',')
	return append(b, body...)
}

// appendObject appends an event of version 1, without an id if its offset is 0.
func appendObject(b []byte, offset uint64, at int64, parts Body) []byte {
	b = append(b, '{')
	if offset > 0 {
		b = append(b, `"id":`...)
		b = append(strconv.AppendUint(b, offset, 10), ',')
	}
	b = append(b, `"module_id":"`...)
	b = append(b, parts.Module...)
	b = append(b, `","command":"`...)
	b = append(b, parts.command...)
	b = append(b, `","params":`...)
	b = append(b, parts.Params...)
	b = appendExtra(b, time.Unix(0, at))
	if len(parts.Extra) > len("{}") {
		b = append(append(b[:len(b)-1], ','), parts.Extra[1:]...)
	}
	return append(b, '}')
}

// appendExtra appends the extra of an object: the time at which it was sent, as
// text and as a number.
func appendExtra(b []byte, at time.Time) []byte {
	b = append(b, `,"extra":{"server_time":"`...)
	b = at.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","server_time_unix":`...)
	return append(appendUnix(b, at), '}')
}

// IsReservedExtra reports whether a key of extra is the plugin's own, or the client's.
func IsReservedExtra(key string) bool {
	switch key {
	case "sender", "server_time", "server_time_unix", "server_time_ago", "tab":
		return true
	}
	return false
}
