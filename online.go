package pull

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// OnlineScope says which users hear that others come and go.
type OnlineScope string

const (
	// OnlineNobody sends nothing about presence to pages. It is the default: who
	// is online, and under which id, is private until the application shares it.
	OnlineNobody OnlineScope = ""

	// OnlineEveryone lets every user hear of every user.
	OnlineEveryone OnlineScope = "everyone"

	onlineTag = "tag:"
)

// OnlineWatchers lets the users who watch the tag hear of one another.
func OnlineWatchers(tag string) OnlineScope { return OnlineScope(onlineTag + tag) }

func (s OnlineScope) check() error {
	if tag, limited := strings.CutPrefix(string(s), onlineTag); limited {
		return checkIDs("tag of Config.Online", []string{tag})
	}
	if s != OnlineNobody && s != OnlineEveryone {
		return fmt.Errorf("pull: Config.Online %q is not a scope", string(s))
	}
	return nil
}

const (
	bulletinUsers = 100 // changes that leave in one second at most; the rest follows in the next
	listedUsers   = 500 // users in the list that a page gets when it connects
	rollUsers     = 500 // users in one message to other nodes
)

// news are changes that pages have not been told of, in order, and the list for
// those who come. A user who came and went meanwhile is in it once.
type news struct {
	order  []string
	status map[string]string
	list   []byte // for everyone; nil when it has to be made anew
}

func (b *news) add(c change) {
	if b.status == nil {
		b.status = make(map[string]string)
	}
	if b.status[c.user] == "" {
		b.order = append(b.order, c.user)
	}
	b.status[c.user] = map[bool]string{true: "online", false: "offline"}[c.online]
}

// changed spreads changes of presence.
func (n *node) changed(changes []change) {
	if n.scope != OnlineNobody {
		for _, c := range changes {
			n.news.add(c)
		}
	}
	n.tell(changes)
}

// announceGone says in the log whose grace is over.
func (n *node) announceGone() {
	n.announce(kindOffline, n.presence.takeGone())
}

func (n *node) announce(k kind, users []string) {
	for len(users) > 0 {
		some := users[:min(len(users), rollUsers)]
		users = users[len(some):]
		n.say(control(k, time.Now(), some...))
	}
}

// answerRoll tells a node that has just started who is here.
func (n *node) answerRoll() {
	n.announce(kindOnline, slices.Collect(maps.Keys(n.presence.here.Items())))
}

// sweepPresence ends graces and buries dead nodes.
func (n *node) sweepPresence(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.presence.sweep()
	n.announceGone()
	n.changed(n.presence.bury(now, max(n.history.age, n.watches.ttl)))
}

// departure returns when the next grace ends.
func (n *node) departure() (time.Time, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.presence.due()
}

// watchedTag is the tag whose watchers hear of one another, if that is the scope.
func (n *node) watchedTag() (string, bool) { return strings.CutPrefix(string(n.scope), onlineTag) }

// hearsOnline tells whether a user hears of presence, and is heard of.
func (n *node) hearsOnline(user string, now int64) bool {
	if user == "" || n.scope == OnlineNobody {
		return false
	}
	tag, limited := n.watchedTag()
	return !limited || n.watches.has(user, tag, now)
}

// bulletin returns what pages hear of presence this second, and which sessions do.
func (n *node) bulletin(now time.Time) (*parcel, []*session) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.news.list = nil
	told := n.news.order[:min(len(n.news.order), bulletinUsers)]
	n.news.order = n.news.order[len(told):]
	var body []byte
	var users []string
	for _, user := range told {
		status := n.news.status[user]
		delete(n.news.status, user)
		if tag, limited := n.watchedTag(); limited && !n.watches.has(user, tag, now.UnixNano()) {
			continue
		}
		if users = append(users, user); len(users) > 1 {
			body = append(body, ',')
		}
		body = appendUserChange(body, user, status, now)
	}
	if len(users) == 0 {
		return nil, nil
	}
	p := new(parcel)
	p.close(append(append(make([]byte, maxFrameHeader, maxFrameHeader+2+len(body)), '['), body...))

	var hearers []*session
	for _, s := range n.all {
		if own := len(users) == 1 && users[0] == s.user; !own && n.hearsOnline(s.user, now.UnixNano()) {
			hearers = append(hearers, s)
		}
	}
	return p, hearers
}

// rollCall returns the list of who is online for a page that connects, or nil.
// For everyone it is made at most once a second: what has changed since is in
// the next bulletin, which the page gets as well.
func (n *node) rollCall(s *session) []byte {
	now := time.Now()
	if !n.hearsOnline(s.user, now.UnixNano()) {
		return nil
	}
	if n.news.list == nil {
		n.news.list = n.onlineList(now)
	}
	return n.news.list
}

func (n *node) onlineList(now time.Time) []byte {
	b := []byte(`{"module_id":"online","command":"online_list","params":{"USERS":{`)
	listed, count := 0, 0
	for user := range n.presence.all() {
		if tag, limited := n.watchedTag(); limited && !n.watches.has(user, tag, now.UnixNano()) {
			continue
		}
		if count++; listed == listedUsers || len(b) > n.bound/4 {
			continue
		}
		if listed++; listed > 1 {
			b = append(b, ',')
		}
		b = appendJSON(b, user)
		b = append(b, `:{"id":`...)
		b = appendJSON(b, user)
		b = append(b, `,"status":"online"}`...)
	}
	b = append(b, `},"COUNT":`...)
	b = strconv.AppendInt(b, int64(count), 10)
	b = append(b, `,"GUESTS":`...)
	b = strconv.AppendInt(b, int64(n.guests), 10)
	b = append(b, `},"extra":`...)
	return append(new(second).appendExtra(b, now), '}')
}

func appendUserChange(b []byte, user, status string, now time.Time) []byte {
	b = append(b, `{"module_id":"online","command":"user_`...)
	b = append(b, status...)
	b = append(b, `","params":{"STATUS":"`...)
	b = append(b, status...)
	b = append(b, `","USER_ID":`...)
	b = appendJSON(b, user)
	b = append(b, `},"extra":`...)
	return append(new(second).appendExtra(b, now), '}')
}
