// Package wire is what the processes of the benchmark share: the measured
// message, and the types of the control interface.
package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// base is added to sequence numbers, so that all have the same width.
	base = 1_000_000_000_000

	// numberWidth and timeWidth are the digits of N and T in a message.
	numberWidth = 13
	timeWidth   = 19
)

// before and between are the fixed text around the numbers of a message. No
// peer's envelope contains before.
const (
	before  = `{"n":`
	between = `,"t":`
	after   = `,"p":"`
	end     = `"}`
)

// Overhead is the size of a message with an empty pad.
const Overhead = len(before) + numberWidth + len(between) + timeWidth + len(after) + len(end)

// A Message is what a peer's application sends: small, JSON, and of the same
// size for every peer. Every envelope contains it unchanged, so the client can
// read it without knowing the envelope.
type Message struct {
	N   int64  `json:"n"` // sequence number + base
	T   int64  `json:"t"` // when it was, or should have been, sent; ns since 1970
	Pad string `json:"p"`
}

// NewMessage returns message number seq. All messages share the pad.
func NewMessage(seq int64, at time.Time, pad string) Message {
	return Message{N: base + seq, T: at.UnixNano(), Pad: pad}
}

// Append appends the message as encoding/json would encode it.
func (m Message) Append(b []byte) []byte {
	b = append(b, before...)
	b = strconv.AppendInt(b, m.N, 10)
	b = append(b, between...)
	b = strconv.AppendInt(b, m.T, 10)
	b = append(b, after...)
	b = append(b, m.Pad...)
	return append(b, end...)
}

// Pad returns the pad that makes the job's messages as long as it says.
func (j Job) Pad() (string, error) {
	if j.Size < Overhead {
		return "", fmt.Errorf("a message has at least %d bytes, not %d", Overhead, j.Size)
	}
	if j.HTML {
		return list(j.Size - Overhead), nil
	}
	return strings.Repeat("x", j.Size-Overhead), nil
}

// list returns a list of tasks in HTML, cut off after size bytes. It contains
// nothing that JSON must escape, except < and >, which encoding/json escapes for
// the sake of script elements.
func list(size int) string {
	var b strings.Builder
	words := strings.Fields("write call order check send read paint move book repair letter garden bridge engine winter")
	for i := 0; b.Len() < size; i++ {
		of := func(prime int) string { return words[i*prime%len(words)] }
		fmt.Fprintf(&b, "<li class='task task-%s' id='task-%d'><a href='/tasks/%d'>%s the %s</a> <span class='due'>%d May</span></li>",
			of(7), i*7919%10_000, i*7919%10_000, of(11), of(13), i%31+1)
	}
	return b.String()[:size]
}

// Each calls f for every message in the text of one frame or event.
func Each(text []byte, f func(seq, sent int64)) {
	for {
		at := bytes.Index(text, []byte(before))
		if at < 0 || len(text)-at < Overhead {
			return
		}
		text = text[at+len(before):]
		f(digits(text[:numberWidth])-base, digits(text[numberWidth+len(between):][:timeWidth]))
		text = text[numberWidth+len(between)+timeWidth:]
	}
}

func digits(b []byte) int64 {
	var n int64
	for _, c := range b {
		n = n*10 + int64(c-'0')
	}
	return n
}
