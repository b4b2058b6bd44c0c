package hub

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
)

const (
	BulletinEvery = time.Second // changes leave together
	bulletinUsers = 100         // changes that leave in one second at most; the rest follows in the next
	listedUsers   = 500         // users in the list that a page gets when it connects
	rollUsers     = 500         // users that one message of the log names at most
)

// news are changes that pages have not been told of, in order, and the list for
// those who come. A user who came and went meanwhile is in it once.
type news struct {
	order  []string
	status map[string]bool
	list   []byte    // for those who come
	stale  time.Time // when the list has to be made anew
}

func (b *news) add(c Change) {
	if b.status == nil {
		b.status = make(map[string]bool)
	}
	if _, waits := b.status[c.User]; !waits {
		b.order = append(b.order, c.User)
	}
	b.status[c.User] = c.Online
}

// changed spreads changes of presence.
func (n *Hub) changed(changes []Change) {
	if n.config.Scope != OnlineNobody {
		for _, c := range changes {
			n.news.add(c)
		}
	}
	n.config.Tell(changes)
}

// announce says in the log who has come to this node and who has left it.
func (n *Hub) announce() {
	for _, a := range n.presence.takeNews() {
		n.config.Say(envelope.Control(a.kind, time.Now(), a.users...))
	}
}

// answerRoll says in the log who all is here. A node that asks while the answer to
// another one is still on its way gets that: it comes after the question.
func (n *Hub) answerRoll() {
	if n.rolling {
		return
	}
	n.rolling = true
	for _, part := range listOf(n.presence.announced()) {
		n.config.Say(envelope.Control(envelope.KindRoll, time.Now(), part...))
	}
}

// rollEvery is how often a node asks who is there at most. Where the log loses
// the question and the answers as well, each loss would be the next question.
const rollEvery = time.Second

// callRoll asks all nodes who is there, this one included: messages are lost, and
// with them some that said who has come and who has left. If it has just asked, it
// does so later.
func (n *Hub) callRoll(now time.Time) {
	n.rolling, n.presence.announcing = false, 0
	if n.unasked = now.Sub(n.asked) < rollEvery; n.unasked {
		return
	}
	n.asked, n.asking = now, true
	n.config.Say(envelope.Control(envelope.KindHello, now))
}

// SweepPresence ends graces that are over, and lets go of dead nodes.
func (n *Hub) SweepPresence(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.presence.sweep(now)
	if n.unasked {
		n.callRoll(now)
	}
	n.announce()
	n.changed(n.presence.bury(now, max(n.history.MaxAge(), n.watches.ttl)+deadNode))
}

// Departure returns when the next grace ends.
func (n *Hub) Departure() (time.Time, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.presence.due()
}

// AreOnline reports for each of the users whether they are online.
func (n *Hub) AreOnline(ids []string) map[string]bool {
	n.mu.Lock()
	defer n.mu.Unlock()

	answer := make(map[string]bool, len(ids))
	for _, id := range ids {
		answer[id] = n.presence.has(id)
	}
	return answer
}

// LastSeen returns when the user was last online, as [presence.lastSeen] does.
func (n *Hub) LastSeen(user string, now time.Time) (time.Time, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.presence.lastSeen(user, now)
}

// Seen answers a page that asks how many seconds ago users were online: those
// of whom it may hear.
func (n *Hub) Seen(asker string, users []string) map[string]float64 {
	n.mu.Lock()
	defer n.mu.Unlock()

	now := time.Now()
	answer := make(map[string]float64, len(users))
	if !n.hearsOnline(asker, now.UnixNano()) {
		return answer
	}
	for _, user := range users {
		if at, ok := n.presence.lastSeen(user, now); ok && n.hearsOnline(user, now.UnixNano()) {
			answer[user] = max(0, now.Sub(at).Seconds())
		}
	}
	return answer
}

// Online returns everyone who is online.
func (n *Hub) Online() []string {
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.AppendSeq(make([]string, 0, n.presence.count()), n.presence.all())
}

// watchedTag is the tag whose watchers hear of one another, if that is the scope.
func (n *Hub) watchedTag() (string, bool) {
	return strings.CutPrefix(string(n.config.Scope), onlineTag)
}

// hearsOnline tells whether a user hears of presence, and is heard of.
func (n *Hub) hearsOnline(user string, now int64) bool {
	if user == "" || n.config.Scope == OnlineNobody {
		return false
	}
	tag, limited := n.watchedTag()
	return !limited || n.watches.has(user, tag, now)
}

// Bulletin returns what pages hear of presence this second, and which sessions do.
func (n *Hub) Bulletin(now time.Time) (*conn.Frame, []*Page) {
	n.mu.Lock()
	defer n.mu.Unlock()

	told := n.news.order[:min(len(n.news.order), bulletinUsers)]
	n.news.order = n.news.order[len(told):]
	body := conn.FrameBuffer(0)
	var users []string
	for _, user := range told {
		online := n.news.status[user]
		delete(n.news.status, user)
		if tag, limited := n.watchedTag(); limited && !n.watches.has(user, tag, now.UnixNano()) {
			continue
		}
		if users = append(users, user); len(users) > 1 {
			body = append(body, ',')
		}
		body = protocol.AppendUserChange(body, user, online, now)
	}
	if len(users) == 0 {
		return nil, nil
	}
	f := new(conn.Frame)
	f.Seal(body)
	return f, n.bulletinHearers(users, now.UnixNano())
}

// bulletinHearers returns the sessions that hear of changes: not those of a user
// who would only hear of itself.
func (n *Hub) bulletinHearers(changed []string, now int64) []*Page {
	alone := ""
	if len(changed) == 1 {
		alone = changed[0]
	}
	var hearers []*Page
	if tag, limited := n.watchedTag(); limited {
		for user := range n.watches.watchers(tag, now) {
			if user != alone {
				hearers = append(hearers, n.roster.users[user]...)
			}
		}
		return hearers
	}
	for _, s := range n.roster.all {
		if s.User != "" && s.User != alone {
			hearers = append(hearers, s)
		}
	}
	return hearers
}

// rollCall returns the list of who is online for a page that connects, or nil.
// It is made once a second at most, and so seldom that making it takes a
// thousandth of the time at most: what has changed since is in the next
// bulletins, which the page gets as well.
func (n *Hub) rollCall(s *Page) []byte {
	now := time.Now()
	if !n.hearsOnline(s.User, now.UnixNano()) {
		return nil
	}
	if n.news.list == nil || !now.Before(n.news.stale) {
		n.news.list = n.onlineList(now)
		n.news.stale = now.Add(max(BulletinEvery, 1000*time.Since(now)))
	}
	return n.news.list
}

// listed returns who may be in the list of who is online, and how many of those are.
func (n *Hub) listed(now int64) (users iter.Seq[string], count int) {
	tag, limited := n.watchedTag()
	if !limited {
		return n.presence.all(), n.presence.count()
	}
	users = n.watches.watchers(tag, now)
	for user := range users {
		if n.presence.has(user) {
			count++
		}
	}
	return users, count
}

// onlineList names some of those who are online, and counts all.
func (n *Hub) onlineList(now time.Time) []byte {
	users, count := n.listed(now.UnixNano())
	online := func(yield func(string) bool) {
		for user := range users {
			if n.presence.has(user) && !yield(user) {
				return
			}
		}
	}
	l := protocol.OnlineList{Users: online, Most: listedUsers, Bytes: n.Conns.QueueBytes / 4, Count: count, Guests: n.roster.guests}
	return l.Encode(now)
}
