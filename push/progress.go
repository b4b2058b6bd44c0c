package push

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

const maxUnfinished = 10_000

// progress remembers, of notifications that must be sent again, which devices are
// done, so that a retry goes only to the others. It keeps the latest 10,000: when
// an older one is sent again, devices may get it twice, and replace it by its tag.
type progress struct {
	mu      sync.Mutex // guards what follows
	entries map[string]*list.Element
	order   list.List // of *unfinished, the oldest first
}

func newProgress() *progress { return &progress{entries: map[string]*list.Element{}} }

// unfinished is a notification to a user that must be sent again.
type unfinished struct {
	key      string
	expires  time.Time
	attempts int
	done     map[device]struct{}
}

// A device is a subscription, by the first half of the hash of its endpoint.
type device [sha256.Size / 2]byte

func deviceOf(endpoint string) device {
	sum := sha256.Sum256([]byte(endpoint))
	return device(sum[:sha256.Size/2])
}

// rest returns the subscriptions that are not done, and how often the
// notification has been tried.
func (p *progress) rest(key string, all []Subscription) (rest []Subscription, attempts int) {
	p.mu.Lock()
	defer p.mu.Unlock()

	element, found := p.entries[key]
	if !found {
		return all, 0
	}
	entry := element.Value.(*unfinished)
	for _, s := range all {
		if _, done := entry.done[deviceOf(s.Endpoint)]; !done {
			rest = append(rest, s)
		}
	}
	return rest, entry.attempts
}

// keep counts one more attempt, and the devices that are done with it.
func (p *progress) keep(key string, expires time.Time, done []device) {
	p.mu.Lock()
	defer p.mu.Unlock()

	element, found := p.entries[key]
	if !found {
		p.makeRoom()
		element = p.order.PushBack(&unfinished{key: key, expires: expires})
		p.entries[key] = element
	}
	entry := element.Value.(*unfinished)
	entry.attempts++
	for _, d := range done {
		if entry.done == nil {
			entry.done = map[device]struct{}{}
		}
		entry.done[d] = struct{}{}
	}
}

// makeRoom forgets what has expired and is oldest. The caller holds the lock.
func (p *progress) makeRoom() {
	now := time.Now()
	for first := p.order.Front(); first != nil; first = p.order.Front() {
		entry := first.Value.(*unfinished)
		if len(p.entries) < maxUnfinished && now.Before(entry.expires) {
			return
		}
		p.order.Remove(first)
		delete(p.entries, entry.key)
	}
}

func (p *progress) forget(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if element, found := p.entries[key]; found {
		p.order.Remove(element)
		delete(p.entries, key)
	}
}
