// Package notification holds push notifications: what an application sends, what
// a Pusher gets, and the JSON that devices get.
package notification

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/echo-pull/pull/internal/envelope"
)

// A Push is a notification on the devices of a user who is on no page. It goes
// with an event, see Event.Push. A user who looks at a page gets the event and no
// notification.
type Push struct {
	// Title is the first line. It is required.
	Title string `json:"title"`

	// Body is the text below the title. A notification that does not fit into one
	// record of 3,993 bytes is an error of Send; nothing is cut.
	Body string `json:"body,omitempty"`

	// URL is the page that a click opens: a path of the application that begins
	// with one slash, or an http or https URL. Escape what you put into it, as
	// url.PathEscape does. Default "/".
	URL string `json:"url,omitempty"`

	// Icon and Image are the URLs of a small picture beside the text and of a
	// large one below it. Not every platform shows them. Default none.
	Icon  string `json:"icon,omitempty"`
	Image string `json:"image,omitempty"`

	// Badge is the number on the application's icon, where it has one; -1 removes
	// the number. Default 0, which leaves it as it is.
	Badge int `json:"badge,omitempty"`

	// Tag names what the notification is about, such as a conversation, in at
	// most 255 bytes. A notification replaces an earlier one with the same tag,
	// whether that is shown or still waits. Withdraw and Read find notifications
	// by their tags. Default: the notification replaces none.
	Tag string `json:"tag,omitempty"`

	// Topic has the effect of Tag at a push service: a message replaces one that
	// waits there for a device that is off. It consists of up to 32 letters,
	// digits, - and _ (RFC 8030, section 5.4). Default: derived from Tag.
	Topic string `json:"topic,omitempty"`

	// Urgency tells a push service whether to wake a device that saves power
	// (RFC 8030, section 5.3). Default UrgencyNormal, and UrgencyHigh if Important
	// is set.
	Urgency Urgency `json:"urgency,omitempty"`

	// TTL is how long after Send the notification is worth delivering, rounded up
	// to a second. Push services keep nothing longer than four weeks, to which a
	// longer TTL is reduced. Default 12 hours.
	TTL time.Duration `json:"ttl,omitempty"`

	// Immediately sends the notification without waiting for Config.PushPatience.
	// Users who look at a page still get none.
	Immediately bool `json:"immediately,omitempty"`

	// Important keeps the notification on the screen until the user reacts, where
	// the platform can do that, and makes it urgent.
	Important bool `json:"important,omitempty"`

	// Silent shows the notification without sound and vibration.
	Silent bool `json:"silent,omitempty"`
}

// An Urgency is how urgent a notification is (RFC 8030, section 5.3).
type Urgency string

// The urgencies of RFC 8030.
const (
	UrgencyVeryLow Urgency = "very-low" // on power and Wi-Fi: advertisements
	UrgencyLow     Urgency = "low"      // on power or Wi-Fi: topic updates
	UrgencyNormal  Urgency = "normal"   // on neither: chat messages, the default
	UrgencyHigh    Urgency = "high"     // low battery: incoming calls, time-sensitive alerts
)

const (
	defaultTTL = 12 * time.Hour
	longestTTL = 28 * 24 * time.Hour

	// removesBadge is the Badge that removes the number from the icon.
	removesBadge = -1
)

var topics = regexp.MustCompile(`^[A-Za-z0-9_-]{0,32}$`)

// Check returns an error if a field is invalid. It does not check the size.
func Check(p *Push) error {
	switch {
	case strings.TrimSpace(p.Title) == "":
		return errors.New("pull: Push.Title is missing")
	case p.TTL < 0:
		return fmt.Errorf("pull: negative Push.TTL %s", p.TTL)
	case p.Badge < removesBadge:
		return fmt.Errorf("pull: Push.Badge is %d, want a number of things, or -1 for none", p.Badge)
	case !topics.MatchString(p.Topic):
		return fmt.Errorf("pull: Push.Topic %q: want at most 32 letters, digits, - and _", p.Topic)
	case !p.Urgency.isValid():
		return fmt.Errorf("pull: Push.Urgency %q: want very-low, low, normal or high", string(p.Urgency))
	}
	for name, s := range map[string]string{"Title": p.Title, "Body": p.Body} {
		if !utf8.ValidString(s) {
			return fmt.Errorf("pull: Push.%s is not UTF-8: %q", name, s)
		}
	}
	for name, s := range map[string]string{"URL": p.URL, "Icon": p.Icon, "Image": p.Image} {
		if err := checkURL(s); err != nil {
			return fmt.Errorf("pull: Push.%s: %w", name, err)
		}
	}
	if p.Tag != "" {
		if err := envelope.CheckIDs("Push.Tag", []string{p.Tag}); err != nil {
			return err
		}
	}
	return nil
}

// Encode returns a push as the log has it. It must have passed its check.
func Encode(p *Push) []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("pull: encode a notification: %v", err)) // strings, numbers and booleans
	}
	return b
}

// Decode returns a push from the log, which may contain anything.
func Decode(b []byte) (Push, error) {
	var p Push
	if err := json.Unmarshal(b, &p); err != nil {
		return Push{}, err
	}
	return p, Check(&p)
}

func (u Urgency) isValid() bool {
	switch u {
	case "", UrgencyVeryLow, UrgencyLow, UrgencyNormal, UrgencyHigh:
		return true
	}
	return false
}

// checkURL returns an error unless s is empty, a path that begins with a slash, or an
// http or https URL. A second slash would begin the name of a host, and browsers
// take a backslash for a slash.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return fmt.Errorf("%w; escape what is not part of the URL, as url.PathEscape does", err)
	case s == "", (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
		return nil
	case u.Scheme != "", !strings.HasPrefix(s, "/"), len(s) > 1 && (s[1] == '/' || s[1] == '\\'):
		return fmt.Errorf("%q is neither a path that begins with a slash nor an http or https URL", s)
	}
	return nil
}

// withDefaults returns the push as devices get it. id names the notification.
func withDefaults(p Push, id string) Push {
	if p.Tag == "" {
		p.Tag = tagOf(id)
	}
	if p.URL == "" {
		p.URL = "/"
	}
	if p.Urgency == "" {
		p.Urgency = UrgencyNormal
		if p.Important {
			p.Urgency = UrgencyHigh
		}
	}
	if p.TTL == 0 {
		p.TTL = defaultTTL
	}
	p.TTL = (min(p.TTL, longestTTL) + time.Second - 1).Truncate(time.Second)
	return p
}
