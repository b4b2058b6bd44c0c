package hub

import (
	"strconv"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// userLists is the state of the exchange of user lists. A node requests lists
// when it starts and after messages were lost; every node then publishes the
// list of its users. It is passive: its owner guards it.
type userLists struct {
	publishing  bool      // this node's list has not come back from the log
	requesting  bool      // this node's request has not come back from the log
	requestedAt time.Time // when this node last requested the lists
	postponed   bool      // messages were lost too soon after that: request again later
}

const (
	// usersPerMessage bounds the users in one message of the log.
	usersPerMessage = 500

	// requestEvery bounds how often a node requests the lists. If the log loses
	// the request or the lists, each loss would cause the next request.
	requestEvery = time.Second
)

// announce publishes which users have come to this node and which have left it.
func (h *Hub) announce() {
	h.queueChanges(h.presence.takeVanished())
	for _, a := range h.presence.takeAnnouncements() {
		h.config.Publish(envelope.Control(a.kind, time.Now(), a.users...))
	}
}

// publishUsers publishes the list of all users on this node, unless an earlier
// list is still on its way. That one comes after the request in the log, and so
// serves it as well.
func (h *Hub) publishUsers() {
	if h.lists.publishing {
		return
	}
	h.lists.publishing = true
	for _, part := range splitUsers(h.presence.announcedUsers()) {
		h.config.Publish(envelope.Control(envelope.KindRoster, time.Now(), part...))
	}
}

// requestUsers requests the user lists of all nodes, this one included, after
// messages were lost. Those may have announced users. If the last request is
// less than requestEvery ago, the request is postponed.
func (h *Hub) requestUsers(now time.Time) {
	h.lists.publishing, h.presence.unconfirmed = false, 0
	if h.lists.postponed = now.Sub(h.lists.requestedAt) < requestEvery; h.lists.postponed {
		return
	}
	h.lists.requestedAt, h.lists.requesting = now, true
	h.config.Publish(envelope.Control(envelope.KindHello, now))
}

// splitUsers splits a list of users into parts of one message each: "1/2" and
// the users of that part, and so on. An empty list has one part.
func splitUsers(users []string) [][]string {
	parts := max(1, (len(users)+usersPerMessage-1)/usersPerMessage)
	all := make([][]string, parts)
	for i := range all {
		some := users[i*usersPerMessage : min((i+1)*usersPerMessage, len(users))]
		all[i] = append([]string{strconv.Itoa(i+1) + "/" + strconv.Itoa(parts)}, some...)
	}
	return all
}
