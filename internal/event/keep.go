package event

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/echo-pull/pull/internal/envelope"
)

// A Keep is what is kept of several events with one key for pages that are away, see
// Event.Keep.
type Keep uint8

const (
	// KeepAll keeps each event.
	KeepAll Keep = iota

	// Last keeps only the last of the events with the same module, command, key and
	// target. A page that reconnects, or is behind, gets only the last one that is for
	// it. A page that is connected gets each. Use it for an event that contains the whole
	// state of something, so that earlier ones are worth nothing. It needs a Key.
	Last
)

// check returns an error unless the event can be kept in this way.
func (k Keep) check(e *Event) error {
	switch {
	case k > Last:
		return fmt.Errorf("pull: %s/%s has an unknown Keep", e.Module, e.Command)
	case k == Last && e.Key == "":
		return fmt.Errorf("pull: %s/%s is kept Last but has no Key", e.Module, e.Command)
	}
	return nil
}

// hasSeries reports whether an event is part of a series.
func (e *Event) hasSeries() bool { return e.Keep == Last && e.Command != "" }

// seriesOf returns the name of an event's series: a hash of what its events have in
// common.
func seriesOf(e *Event, t *Target) (series [envelope.SeriesBytes]byte) {
	var b []byte
	for _, s := range []string{e.Module, e.Command, e.Key} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	sum := sha256.Sum256(AppendTarget(b, "", t))
	copy(series[:], sum[:])
	return series
}
