package hub

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// pageNews is what the other nodes do not know yet about the watches of this
// node's pages. It is passive: its owner guards it.
type pageNews struct {
	changed     map[string]map[string]struct{} // the users, by tag, of pages that have come or gone; "" is a guest
	unconfirmed bool                           // a message has not come back from the log
	again       int                            // of so many pages at the beginning of the roster, all watches are to be published again
}

const (
	// pageNewsBytes bounds the tags and users in one message of the log.
	pageNewsBytes = 48 << 10

	// pagesAgain and watchesAgain bound the pages that one step looks at to publish
	// their watches again, and the watches that wait for a message then: about as many
	// as fit into one.
	pagesAgain   = 20_000
	watchesAgain = 2000

	// maxPeerPages bounds the pages at one tag that a node believes another one.
	// A sum of them does not overflow.
	maxPeerPages = 1 << 24

	// maxPeerItems bounds the tags and users that a node remembers of another one.
	// Beyond it too few are counted.
	maxPeerItems = 200_000
)

// notePageWatch records that a page of a user has begun or ended to watch a tag.
func (h *Hub) notePageWatch(tag, user string) {
	if !h.config.Shared {
		return
	}
	if h.news.changed == nil {
		h.news.changed = make(map[string]map[string]struct{})
	}
	users := h.news.changed[tag]
	if users == nil {
		users = make(map[string]struct{})
		h.news.changed[tag] = users
	}
	users[user] = struct{}{}
}

// noteAllPageWatches has all watches of pages published again, in steps: another
// node does not know them.
func (h *Hub) noteAllPageWatches() {
	if h.config.Shared && len(h.pageTags) > 0 {
		h.news.again = len(h.roster.all)
	}
}

// noteSomePageWatches is one step of that, from the end to the beginning. Then it
// misses no page, although the last page of the roster takes the place of one that
// leaves; the watches of pages that come are news of their own.
func (h *Hub) noteSomePageWatches() {
	pages := h.roster.all[:min(h.news.again, len(h.roster.all))]
	least := max(0, len(pages)-pagesAgain)
	for found := 0; len(pages) > least && found < watchesAgain && len(h.news.changed) < watchesAgain; pages = pages[:len(pages)-1] {
		p := pages[len(pages)-1]
		found += p.watches.count()
		if p.watches == nil {
			continue
		}
		for _, w := range p.watches.tags {
			h.notePageWatch(w.tag, p.User)
		}
	}
	h.news.again = len(pages)
}

// PublishPageWatches lets the other nodes know how many pages watch which tags,
// and which users have such pages, if that has changed. It is called once a second.
// While its last message is on its way through the log, changes are collected. A
// message is bounded; the rest follows with the next one.
func (h *Hub) PublishPageWatches(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.news.unconfirmed || h.stopping {
		return
	}
	h.noteSomePageWatches()
	if len(h.news.changed) == 0 {
		return
	}
	h.news.unconfirmed = true
	h.config.Publish(envelope.Control(envelope.KindPages, now, h.takePageNews()...))
}

// takePageNews returns as much of the news as fits into a message. It contains the
// state, not the change: "=", how many pages watch a tag, and the tag; then for
// some users "+" if they have such a page, else "-".
func (h *Hub) takePageNews() (list []string) {
	size := 0
	add := func(item string) {
		list = append(list, item)
		size += len(item)
	}
	for tag, users := range h.news.changed {
		add("=" + strconv.Itoa(len(h.pageTags[tag])) + "\n" + tag)
		for user := range users {
			if size > pageNewsBytes {
				return list
			}
			delete(users, user)
			switch {
			case user == "":
			case h.isUserAt(user, tag):
				add("+" + user)
			default:
				add("-" + user)
			}
		}
		delete(h.news.changed, tag)
		if size > pageNewsBytes {
			return list
		}
	}
	return list
}

// isUserAt reports whether a page of the user on this node watches the tag.
func (h *Hub) isUserAt(user, tag string) bool {
	return slices.ContainsFunc(h.roster.users[user], func(p *Page) bool { return p.watches.find(tag) != nil })
}

// peerPages is what a node has published about the watches of its pages.
type peerPages struct {
	tags  map[string]*peerTag
	items int // tags and users
}

type peerTag struct {
	pages int
	users map[string]struct{}
}

// apply applies a message of the node.
func (p *peerPages) apply(list []string) {
	var tag *peerTag
	for _, item := range list {
		if item == "" {
			continue
		}
		switch rest := item[1:]; item[0] {
		case '=':
			count, name, _ := strings.Cut(rest, "\n")
			n, _ := strconv.Atoi(count)
			tag = p.setCount(name, min(n, maxPeerPages))
		case '+':
			p.addUser(tag, rest)
		case '-':
			p.removeUser(tag, rest)
		}
	}
}

// setCount sets how many pages of the node watch a tag, and returns the tag, or nil
// if there are none, or too many tags.
func (p *peerPages) setCount(name string, pages int) *peerTag {
	tag := p.tags[name]
	switch {
	case pages <= 0:
		if tag != nil {
			p.items -= 1 + len(tag.users)
			delete(p.tags, name)
		}
		return nil
	case tag == nil && p.items >= maxPeerItems:
		return nil
	case tag == nil:
		if p.tags == nil {
			p.tags = make(map[string]*peerTag)
		}
		tag = new(peerTag)
		p.tags[name] = tag
		p.items++
	}
	tag.pages = pages
	return tag
}

func (p *peerPages) addUser(tag *peerTag, user string) {
	if tag == nil || p.items >= maxPeerItems {
		return
	}
	if _, known := tag.users[user]; known {
		return
	}
	if tag.users == nil {
		tag.users = make(map[string]struct{})
	}
	tag.users[user] = struct{}{}
	p.items++
}

func (p *peerPages) removeUser(tag *peerTag, user string) {
	if tag == nil {
		return
	}
	if _, known := tag.users[user]; known {
		delete(tag.users, user)
		p.items--
	}
}

// PagesAt returns how many pages watch the tag themselves, on all nodes.
func (h *Hub) PagesAt(tag string) int {
	h.mu.Lock()
	defer h.mu.Unlock()

	pages := len(h.pageTags[tag])
	for _, node := range h.presence.peers {
		if known := node.pages.tags[tag]; known != nil {
			pages += known.pages
		}
	}
	return pages
}

// UsersAt returns the users with a page that watches the tag itself, on all nodes,
// sorted.
func (h *Hub) UsersAt(tag string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()

	users := []string{}
	for _, w := range h.pageTags[tag] {
		if w.page.User != "" {
			users = append(users, w.page.User)
		}
	}
	for _, node := range h.presence.peers {
		if known := node.pages.tags[tag]; known != nil {
			for user := range known.users {
				users = append(users, user)
			}
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// forgetPageWatches forgets what the other nodes have published: a part of it was
// lost. They publish everything again.
func (h *Hub) forgetPageWatches() {
	h.news.unconfirmed = false
	for _, node := range h.presence.peers {
		node.pages = peerPages{}
	}
}
