package hub

import (
	"bytes"
	"fmt"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/pending"
)

// applyNotification applies the notification of an event, or the withdrawal of
// notifications.
func (h *Hub) applyNotification(e *envelope.Envelope, now time.Time) {
	switch {
	case h.pending == nil:
	case e.Kind == envelope.KindWithdraw:
		h.withdraw(e, string(e.Push), now)
	case e.Kind == envelope.KindPush, e.Kind == envelope.KindPushOnly:
		push, err := notification.Decode(e.Push)
		if err != nil {
			if h.foreign.Allow("notification") {
				h.round.errs = append(h.round.errs, err)
			}
			return
		}
		h.addNote(h.newNote(e, push), now)
	}
}

// newNote returns the notification of an event at the current position. It may
// wait for hours, so it does not share the log's bytes.
func (h *Hub) newNote(e *envelope.Envelope, push notification.Push) *pending.Note {
	id := h.currentPosition()
	return &pending.Note{
		Notification: notification.New(push, id, time.Unix(0, e.At)),
		Owner:        senderOf(e.Node), Addr: bytes.Clone(e.Addr), Body: bytes.Clone(e.Body), PerUser: bytes.Clone(e.PerUser),
		Size:     len(e.Addr) + len(e.PerUser) + len(e.Body) + len(e.Push),
		Everyone: isToEveryone(e.Addr),
	}
}

// senderOf returns the node that sends the notifications of an event: the one that
// published the event, or "" if it is from a transactional outbox, which is no node.
// Then one of the nodes claims it.
func senderOf(node []byte) string {
	if envelope.IsOutbox(node) {
		return ""
	}
	return string(node)
}

// isToEveryone reports whether an address includes everyone.
func isToEveryone(a envelope.Address) bool {
	for t := range a.Terms() {
		if t.Shared {
			return true
		}
	}
	return false
}

// isWithoutException reports whether an address includes everyone, without exception.
func isWithoutException(a envelope.Address) bool {
	for t := range a.Terms() {
		if t.Shared && t.Except.N == 0 {
			return true
		}
	}
	return false
}

// addNote adds a note for every user at its address. The recipients of a note to
// everyone are found later, by the node that sends it.
func (h *Hub) addNote(n *pending.Note, now time.Time) {
	if !now.Before(n.Expires) {
		return
	}
	if !h.pending.Begin(n) {
		return
	}
	if n.Everyone {
		h.addLookers(n, now)
	} else {
		h.eachAddressed(n.Addr, now, func(user string) { h.addRecipient(n, user, now) })
		h.pending.End(n)
	}
	h.orphans = h.orphans || n.Owner == ""
	h.config.PushDue()
}

// addLookers adds a note to everyone for the users who look at pages of this node:
// the node that finds its recipients may be another one.
func (h *Hub) addLookers(n *pending.Note, now time.Time) {
	for t := range n.Addr.Terms() {
		except := h.exceptions(t.Except)
		for user := range h.roster.users {
			if _, excepted := except[user]; t.Shared && !excepted && h.isLooking(user, now) {
				h.addRecipient(n, user, now)
			}
		}
	}
	h.eachAddressed(n.Addr, now, func(user string) {
		if h.isLooking(user, now) {
			h.addRecipient(n, user, now)
		}
	})
}

// eachAddressed calls visit for the users whom an address names, and those who
// watch its tags. It may visit a user several times.
func (h *Hub) eachAddressed(a envelope.Address, now time.Time, visit func(user string)) {
	for t := range a.Terms() {
		except := h.exceptions(t.Except)
		visitUnlessExcepted := func(user string) {
			if _, excepted := except[user]; !excepted {
				visit(user)
			}
		}
		for user := range t.Users.All() {
			visitUnlessExcepted(string(user))
		}
		for tag := range t.Tags.All() {
			for user := range h.watches.watchers(string(tag), now.UnixNano()) {
				visitUnlessExcepted(user)
			}
		}
	}
}

// addRecipient adds a note for a user, who may look at a page, be online without
// looking, or be offline.
func (h *Hub) addRecipient(n *pending.Note, user string, now time.Time) {
	looking := h.isLooking(user, now)
	switch {
	case looking:
		h.lookers[user] = struct{}{}
		h.pending.Add(n, user, now.Add(h.deadAfter()), true)
	case !h.presence.isOnline(user):
		h.pending.Add(n, user, now, false)
	case !n.Immediately:
		h.pending.Add(n, user, n.Sent.Add(h.config.PushPatience), false)
	case h.presence.isElsewhere(user):
		h.pending.Add(n, user, now.Add(newsWait), false)
	default:
		h.pending.Add(n, user, now, false)
	}
}

// newsWait is how long a notification without patience waits for another node, to
// which the user is connected, to say that the user is looking.
const newsWait = time.Second

// deadAfter is how long a page may seem to be connected that is not: until it has
// not responded to a ping in time.
func (h *Hub) deadAfter() time.Duration { return 2*h.config.Tick + 15*time.Second }

// isElsewhere reports whether a user is online on another node.
func (p *presence) isElsewhere(user string) bool {
	others := p.users[user]
	if self := p.peers[p.self]; self != nil {
		if _, here := self.users[user]; here {
			others--
		}
	}
	return others > 0
}

// withdraw removes the notifications with a tag of the users at an address.
func (h *Hub) withdraw(e *envelope.Envelope, tag string, now time.Time) {
	if isToEveryone(e.Addr) {
		h.pending.WithdrawAll(tag, isWithoutException(e.Addr), func(user string) bool { return h.isAddressed(e.Addr, user, now) })
	}
	h.eachAddressed(e.Addr, now, func(user string) { h.pending.Withdraw(user, tag) })
}

// isAddressed reports whether an address includes a user now.
func (h *Hub) isAddressed(a envelope.Address, user string, now time.Time) bool {
	for t := range a.Terms() {
		if t.Except.Has(user) {
			continue
		}
		if t.Shared || t.Users.Has(user) {
			return true
		}
		for tag := range t.Tags.All() {
			if h.watches.has(user, string(tag), now.UnixNano()) {
				return true
			}
		}
	}
	return false
}

// finishNotes does what a batch with notifications leaves to do. The caller holds mu.
func (h *Hub) finishNotes() {
	h.publishLookers()
	if h.orphans {
		h.orphans = false
		h.claimNotes()
	}
	if h.pending.HasMarks() {
		h.config.PushDue()
	}
	if dropped := h.pending.Dropped - h.dropped; dropped > 0 && h.foreign.Allow("notifications") {
		h.dropped += dropped
		h.round.errs = append(h.round.errs, fmt.Errorf("pull: %d notifications were dropped: too many wait", dropped))
	}
}

// currentPosition returns the position of the last message. The caller holds mu.
func (h *Hub) currentPosition() string {
	return envelope.Cursor{Epoch: h.epoch, Offset: h.history.Last()}.String()
}

// publishLookers lets the other nodes know which users look at pages of this node
// and need no notification. The caller holds mu.
func (h *Hub) publishLookers() {
	for len(h.lookers) > 0 {
		list := make([]string, 1, 1+min(len(h.lookers), usersPerMessage))
		list[0] = h.currentPosition()
		for user := range h.lookers {
			if len(list) > usersPerMessage {
				break
			}
			list = append(list, user)
			delete(h.lookers, user)
		}
		h.config.Publish(envelope.Control(envelope.KindLooked, time.Now(), list...))
	}
}
