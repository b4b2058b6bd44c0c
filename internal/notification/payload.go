package notification

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// MaxPayload is the largest notification as JSON, in bytes: what one record of
// RFC 8291 holds, 4,096 bytes with its header, padding and tag.
const MaxPayload = 3993

// declarative is the JSON of a notification: a declarative push message of the
// Push API (https://www.w3.org/TR/push-api/). Browsers that know it show the
// notification without a service worker; in others the worker shows it.
type declarative struct {
	WebPush      int     `json:"web_push"` // marks the format: the number of RFC 8030
	Notification message `json:"notification"`
	AppBadge     *int    `json:"app_badge,omitempty"`
}

type message struct {
	Title              string `json:"title"`
	Navigate           string `json:"navigate"`
	Body               string `json:"body,omitempty"`
	Icon               string `json:"icon,omitempty"`
	Image              string `json:"image,omitempty"`
	Tag                string `json:"tag"`
	Silent             bool   `json:"silent,omitempty"`
	RequireInteraction bool   `json:"requireInteraction,omitempty"`
}

const declarativeMark = 8030

// payload returns the JSON of a push with all defaults.
func (p *Push) payload() []byte {
	d := declarative{WebPush: declarativeMark, Notification: message{
		Title: p.Title, Navigate: p.URL, Body: p.Body, Icon: p.Icon, Image: p.Image,
		Tag: p.Tag, Silent: p.Silent, RequireInteraction: p.Important,
	}}
	if p.Badge != 0 {
		number := max(0, p.Badge)
		d.AppBadge = &number
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // it would make text larger, and nobody puts the JSON into HTML
	if err := enc.Encode(d); err != nil {
		panic(fmt.Sprintf("pull: encode a notification: %v", err)) // strings, numbers and booleans
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Size returns the size of a notification as JSON, in bytes.
func Size(p *Push) int {
	complete := withDefaults(*p, "")
	return len(complete.payload())
}

// tagOf returns the tag of a notification without one: the same if it is sent
// again, and always of the same length.
func tagOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "pull-" + hex.EncodeToString(sum[:8])
}
