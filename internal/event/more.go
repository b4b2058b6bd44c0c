package event

import (
	"bytes"
	"maps"
	"slices"
	"strconv"

	"github.com/echo-pull/pull/internal/protocol"
)

// more is what few events have besides their params.
type more struct {
	users []string // sorted, with …
	own   [][]byte // … what each gets, as JSON
	extra []byte   // as JSON; nil if there is none
}

// encodeMore encodes what few events have.
func (enc *encoder) encodeMore(e *Event) (m more, err error) {
	if len(e.PerUser) > 0 {
		if err := enc.encodePerUser(e, &m); err != nil {
			return more{}, err
		}
	}
	if len(e.Extra) > 0 {
		text, err := enc.encodeValue(e.Extra)
		if err != nil {
			return more{}, &ParamsError{Module: e.Module, Command: e.Command, Err: err, of: "extra"}
		}
		m.extra = bytes.Clone(text)
	}
	return m, nil
}

// encodePerUser encodes what single users get.
func (enc *encoder) encodePerUser(e *Event, m *more) error {
	m.users = slices.Sorted(maps.Keys(e.PerUser))
	for _, user := range m.users {
		text, err := enc.encodeValue(e.PerUser[user])
		if err == nil {
			err = protocol.CheckObject(text)
		}
		if err != nil {
			return &ParamsError{Module: e.Module, Command: e.Command, Err: err, of: "params for user " + strconv.Quote(user)}
		}
		m.own = append(m.own, bytes.Clone(text))
	}
	return nil
}
