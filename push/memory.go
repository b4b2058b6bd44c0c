package push

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A MemoryStore keeps subscriptions in memory, for tests and trials: a restart
// loses them, and another node does not have them.
type MemoryStore struct {
	mu     sync.Mutex                        // guards what follows
	users  map[string]map[string]*remembered // by user and endpoint
	owners map[string]string                 // of endpoints
	sorted []string                          // the keys of users, or nil if they have changed
}

type remembered struct {
	subscription Subscription
	seen         time.Time
}

// NewMemoryStore returns an empty store. It is a [Lister], too.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{users: map[string]map[string]*remembered{}, owners: map[string]string{}}
}

// Save adds or moves a subscription, see [Store].
func (m *MemoryStore) Save(_ context.Context, user string, s Subscription) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.remove(s.Endpoint)
	mine := m.users[user]
	if mine == nil {
		mine = map[string]*remembered{}
		m.users[user] = mine
		m.sorted = nil
	}
	if len(mine) >= MaxDevices {
		m.remove(leastSeen(mine))
	}
	mine[s.Endpoint] = &remembered{subscription: s, seen: time.Now()}
	m.owners[s.Endpoint] = user
	return nil
}

func leastSeen(all map[string]*remembered) string {
	var least string
	for endpoint, r := range all {
		if least == "" || r.seen.Before(all[least].seen) {
			least = endpoint
		}
	}
	return least
}

// remove removes an endpoint of any user. The caller holds the lock.
func (m *MemoryStore) remove(endpoint string) {
	user, found := m.owners[endpoint]
	if !found {
		return
	}
	delete(m.owners, endpoint)
	delete(m.users[user], endpoint)
	if len(m.users[user]) == 0 {
		delete(m.users, user)
		m.sorted = nil
	}
}

// Of returns the subscriptions of a user, see [Store].
func (m *MemoryStore) Of(_ context.Context, user string) ([]Subscription, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	all := make([]Subscription, 0, len(m.users[user]))
	for _, r := range m.users[user] {
		all = append(all, r.subscription)
	}
	return all, nil
}

// Delete deletes a subscription of a user, see [Store].
func (m *MemoryStore) Delete(_ context.Context, user, endpoint string) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.owners[endpoint] == user {
		m.remove(endpoint)
	}
	return nil
}

// Seen notes when a subscription was last used, see [Store].
func (m *MemoryStore) Seen(_ context.Context, endpoint string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	user, found := m.owners[endpoint]
	if !found {
		return nil
	}
	if r := m.users[user][endpoint]; r.seen.Before(at) {
		r.seen = at
	}
	return nil
}

// Users returns users in the order of their ids, see [Lister].
func (m *MemoryStore) Users(_ context.Context, after string, limit int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.sorted == nil {
		m.sorted = slices.Sorted(maps.Keys(m.users))
	}
	first, found := slices.BinarySearch(m.sorted, after)
	if found {
		first++
	}
	rest := m.sorted[first:]
	return slices.Clone(rest[:min(max(limit, 0), len(rest))]), nil
}
