package engine

import (
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/hub"
)

// Presence reports who is online. See [Plugin.Presence].
type Presence struct{ hub *hub.Hub }

// Presence returns the presence of users on all nodes. A user is online while
// at least one session is open, and for Config.PresenceGrace after the last one
// has closed. Guests are counted, in [Stats], not listed. All methods are safe
// for concurrent use.
func (e *Engine) Presence() Presence { return Presence{e.hub} }

// Online reports for each of the users whether they are online.
func (p Presence) Online(ids ...string) map[string]bool { return p.hub.AreOnline(ids) }

// Users returns everyone who is online, sorted.
func (p Presence) Users() []string {
	users := p.hub.OnlineUsers()
	slices.Sort(users)
	return users
}

// At returns the users who have a page, on any node, that watches the tag itself, by
// a grant, sorted. There is no grace: a page counts from when it presents its grant
// until its connection ends. Other nodes learn of a change as described at
// [Watches].Pages.
func (p Presence) At(tag string) []string { return p.hub.UsersAt(tag) }

// LastSeen returns when the user was last online, which is now for a user who
// is online. It returns false for a user whom no node has seen in the last 24
// hours, or since it was started. An application that needs more should record
// it in Config.OnOffline.
func (p Presence) LastSeen(id string) (time.Time, bool) { return p.hub.LastSeen(id, time.Now()) }
