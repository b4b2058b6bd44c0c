package pull

import (
	"slices"
	"time"
)

// Presence reports who is online. See [Plugin.Presence].
type Presence struct{ node *node }

// Presence returns the presence of users on all nodes. A user is online while
// at least one session is open, and for Config.PresenceGrace after the last one
// has closed. Guests are counted, in [Stats], not listed. All methods are safe
// for concurrent use.
func (p *Plugin) Presence() Presence { return Presence{p.node} }

// Online reports for each of the users whether they are online.
func (p Presence) Online(ids ...string) map[string]bool { return p.node.areOnline(ids) }

// Users returns everyone who is online, sorted.
func (p Presence) Users() []string {
	users := p.node.online()
	slices.Sort(users)
	return users
}

// LastSeen returns when the user was last online, which is now for a user who
// is online. It returns false for a user whom no node has seen in the last 24
// hours, or since it was started. An application that needs more should record
// it in Config.OnOffline.
func (p Presence) LastSeen(id string) (time.Time, bool) { return p.node.lastSeen(id, time.Now()) }
