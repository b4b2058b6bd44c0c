package protocol

import (
	"bytes"
	"encoding/json"
)

// A Fragment is what pages receive as the params of the event pull:render: HTML, and
// where it belongs.
type Fragment struct {
	Selector string `json:"selector"`
	Swap     string `json:"swap"`
	HTML     string `json:"html,omitempty"`
	Version  int64  `json:"version,omitempty"`
}

// The name of the event with a fragment. Only the plugin itself can send it.
const (
	PluginModule  = "pull"
	RenderCommand = "render"
)

// EncodeFragment returns the params of an event with the fragment.
func EncodeFragment(f *Fragment) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // pages parse JSON, and HTML in it would grow by half
	err := e.Encode(f)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
