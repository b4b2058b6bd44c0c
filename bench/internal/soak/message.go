package soak

import (
	"encoding/json"
	"errors"
	"fmt"
)

// A message is what pages look at of an event or a control message.
type message struct {
	Offset  uint64
	Name    string
	Params  json.RawMessage
	Control bool
}

// UnmarshalJSON reads an event, which is an array, or an object.
func (m *message) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		var object struct {
			Module  string          `json:"module_id"`
			Command string          `json:"command"`
			Params  json.RawMessage `json:"params"`
		}
		err := json.Unmarshal(text, &object)
		*m = message{Name: object.Module + ":" + object.Command, Params: object.Params, Control: true}
		return err
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	if len(parts) < 4 {
		return fmt.Errorf("an event with %d elements", len(parts))
	}
	m.Params = parts[3]
	return errors.Join(json.Unmarshal(parts[0], &m.Offset), json.Unmarshal(parts[2], &m.Name))
}

// A hello is the first message of a connection.
type hello struct {
	Epoch     string `json:"epoch"`
	Offset    uint64 `json:"offset"`
	Recovered bool   `json:"recovered"`
}

// A tick carries a position.
type tick struct {
	Epoch  string `json:"epoch"`
	Offset uint64 `json:"offset"`
}

// A cursor is a position in a log.
type cursor struct {
	epoch  string
	offset uint64
}

// String returns the cursor as it is sent.
func (c cursor) String() string { return fmt.Sprintf("%s.%d", c.epoch, c.offset) }
