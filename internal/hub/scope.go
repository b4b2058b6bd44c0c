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

// CheckScope reports what is wrong with a scope.
func CheckScope(s OnlineScope) error {
	if tag, limited := strings.CutPrefix(string(s), onlineTag); limited {
		return envelope.CheckIDs("tag of Config.Online", []string{tag})
	}
	if s != OnlineNobody && s != OnlineEveryone {
		return fmt.Errorf("pull: Config.Online %q is not a scope", string(s))
	}
	return nil
}
