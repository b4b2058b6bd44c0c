package pull

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Watches grants and ends users' subscriptions to tags: see [Plugin.Watch].
type Watches struct{ plugin *Plugin }

// Watch returns the watches. A watch belongs to a user, with all pages and
// devices; only server code grants one, a page can only extend it. It ends
// Config.WatchTTL after its last extension. Tags are free text of 1 to 255
// bytes. All methods are safe for concurrent use, and what they do holds on
// every node of the application.
func (p *Plugin) Watch() Watches { return Watches{p} }

// Add has the user watch the tags from now on, or extends the watch, and
// returns when this node knows of it. Over the bounds of Config it returns
// [ErrTooManyWatches].
func (w Watches) Add(user string, tags ...string) error {
	if err := w.plugin.grant(user, "", tags); err != nil {
		return err
	}
	return w.plugin.awaitOwn(func() bool { return w.plugin.node.watchesAll(user, tags) })
}

// Extend gives the user's watches of the tags their full time again. The answer
// has true for each tag that the user watches; a watch is never created.
func (w Watches) Extend(user string, tags ...string) map[string]bool {
	return w.plugin.extend(user, tags)
}

// Delete ends the user's watches of the tags, or all of the user's watches
// where no tag is named, and returns when this node knows of it.
func (w Watches) Delete(user string, tags ...string) error {
	if err := errors.Join(checkIDs("user id", []string{user}), checkIDs("tag", tags)); err != nil {
		return err
	}
	if w.plugin.publisher.closed.Load() {
		return ErrClosed
	}
	w.plugin.publisher.say(control(kindUnwatch, time.Now(), append([]string{user}, tags...)...))
	return w.plugin.awaitOwn(func() bool { return w.plugin.node.watchesNone(user, tags) })
}

// Users returns the users who watch the tag, sorted.
func (w Watches) Users(tag string) []string {
	n := w.plugin.node
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Sorted(n.watches.watchers(tag, time.Now().UnixNano()))
}

const tagsPerGrant = 1000 // in one message of the log

// grant puts a grant into the log, after the position from.
func (p *Plugin) grant(user, from string, tags []string) error {
	if user == "" {
		return ErrGuest
	}
	if err := errors.Join(checkIDs("user id", []string{user}), checkIDs("tag", tags)); err != nil {
		return err
	}
	if p.publisher.closed.Load() {
		return ErrClosed
	}
	if err := p.node.mayWatch(user, tags); err != nil {
		return err
	}
	for some := range slices.Chunk(tags, tagsPerGrant) {
		p.publisher.say(control(kindWatch, time.Now(), append([]string{user, from}, some...)...))
	}
	return nil
}

// extend answers which of the tags the user watches, and has those go on. What
// was extended a moment ago is not put into the log again.
func (p *Plugin) extend(user string, tags []string) map[string]bool {
	answer := p.node.watching(user, tags)
	fading := p.node.fading(user, tags, time.Now())
	for some := range slices.Chunk(fading, tagsPerGrant) {
		p.publisher.say(control(kindExtend, time.Now(), append([]string{user}, some...)...))
	}
	return answer
}

// awaitWait bounds how long a call waits for the log when the broker is out of reach.
const awaitWait = 5 * time.Second

func (p *Plugin) awaitOwn(done func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), awaitWait)
	defer cancel()
	if !p.node.await(ctx, done) {
		return fmt.Errorf("pull: the log has not answered for %s, it may do so later", awaitWait)
	}
	return nil
}

// embeddedWait bounds how long a request waits for the embedded log, which
// answers at once unless a large broadcast is just being handed over.
const embeddedWait = 50 * time.Millisecond

// awaitEmbedded waits for the embedded log. Another one is not waited for.
func (p *Plugin) awaitEmbedded(done func() bool) {
	if p.publisher.memory == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), embeddedWait)
	defer cancel()
	p.node.await(ctx, done)
}

// Presence says who is online: see [Plugin.Presence].
type Presence struct{ node *node }

// Presence returns who is online on any node. A user is online while at least
// one session is open and for Config.PresenceGrace after the last one has gone.
// Guests are counted, in [Stats], not listed. All methods are safe for
// concurrent use.
func (p *Plugin) Presence() Presence { return Presence{p.node} }

// Online answers for each of the users whether they are online.
func (p Presence) Online(ids ...string) map[string]bool {
	p.node.mu.Lock()
	defer p.node.mu.Unlock()

	answer := make(map[string]bool, len(ids))
	for _, id := range ids {
		answer[id] = p.node.presence.has(id)
	}
	return answer
}

// Users returns everyone who is online, sorted.
func (p Presence) Users() []string {
	p.node.mu.Lock()
	defer p.node.mu.Unlock()

	return slices.Sorted(p.node.presence.all())
}

// LastSeen returns when the user was last online, which is now for one who is.
// It is false for a user whom no node has seen in the last 24 hours, or since it
// was started: an application that needs more keeps it from Config.OnOffline.
func (p Presence) LastSeen(id string) (time.Time, bool) {
	p.node.mu.Lock()
	defer p.node.mu.Unlock()

	return p.node.presence.lastSeen(id, time.Now())
}

// seen answers a page that asks how many seconds ago users were online: those
// of whom it may hear.
func (p *Plugin) seen(asker string, users []string) map[string]float64 {
	n := p.node
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

// Stats is a snapshot of what a plugin is doing on this node.
type Stats struct {
	Sessions int // live connections
	Users    int // users who are online, on all nodes
	Guests   int // sessions without a user
	Watches  int

	Messages   uint64 // events that the log has brought
	Deliveries uint64 // hand-overs to sessions, each of one or more messages
	Recovered  uint64 // sessions that resumed from a cursor
	Gaps       uint64 // sessions that were told of a gap
	Cut        uint64 // sessions that were too slow

	PublisherEvents int // events collected or waiting for the broker
	PublisherBytes  int
	WindowMessages  int // places in the window
	WindowBytes     int
}

// Stats returns the counters of this node. It is cheap enough for a metrics
// endpoint.
func (p *Plugin) Stats() Stats {
	n := p.node
	n.mu.Lock()
	defer n.mu.Unlock()

	return Stats{
		Sessions: len(n.all), Users: len(n.presence.users), Guests: n.guests, Watches: len(n.watches.all),
		Messages: n.stats.messages.Load(), Deliveries: n.stats.deliveries.Load(),
		Recovered: n.stats.recovered.Load(), Gaps: n.stats.gaps.Load(), Cut: n.stats.cut.Load(),
		PublisherEvents: int(p.publisher.events.Load()), PublisherBytes: int(p.publisher.bytes.Load()),
		WindowMessages: n.history.log.len(), WindowBytes: n.history.size,
	}
}
