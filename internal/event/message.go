package event

import (
	"bytes"
	"encoding/json"

	"github.com/echo-pull/pull/internal/protocol"
)

// MessageBody returns the body of a message of a page, as [protocol.AppendBody] makes
// it. Module and command must have passed their checks. It returns an error for
// params that are not JSON in UTF-8.
func MessageBody(module, command string, params json.RawMessage) ([]byte, error) {
	enc := encoders.Get().(*encoder) //nolint:forcetypeassert // holds nothing else
	defer enc.release()
	text, err := enc.encodeParams(&Event{Module: module, Command: command, Params: params})
	if err != nil {
		return nil, err
	}
	return bytes.Clone(protocol.AppendBody(enc.raw[:0], module, command, text)), nil
}
