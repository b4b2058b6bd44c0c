package hub

import (
	"fmt"
	"strings"

	"github.com/echo-pull/pull/internal/envelope"
)

// OnlineScope sets which users receive one another's presence.
type OnlineScope string

const (
	// OnlineNobody sends no presence to pages. It is the default: user ids, and
	// who is online, are private until the application shares them.
	OnlineNobody OnlineScope = ""

	// OnlineEveryone sends the presence of every user to every user.
	OnlineEveryone OnlineScope = "everyone"

	onlineTag = "tag:"
)

// OnlineWatchers sends the presence of the users who watch the tag to one
// another.
func OnlineWatchers(tag string) OnlineScope { return OnlineScope(onlineTag + tag) }

// CheckScope returns an error for a scope that does not exist.
func CheckScope(s OnlineScope) error {
	if tag, limited := s.tag(); limited {
		return envelope.CheckIDs("tag of Config.Online", []string{tag})
	}
	if s != OnlineNobody && s != OnlineEveryone {
		return fmt.Errorf("pull: Config.Online %q is not a scope", string(s))
	}
	return nil
}

// tag returns the tag whose watchers receive one another's presence, if that is
// the scope.
func (s OnlineScope) tag() (tag string, limited bool) {
	return strings.CutPrefix(string(s), onlineTag)
}

// seesPresence reports whether a user receives presence, which is also whether
// others receive the presence of the user.
func (h *Hub) seesPresence(user string, now int64) bool {
	if user == "" || h.config.Scope == OnlineNobody {
		return false
	}
	tag, limited := h.config.Scope.tag()
	return !limited || h.watches.has(user, tag, now)
}
