package peer

import (
	"slices"
	"sync"
)

// An index finds connections, for peers that have no index of their own.
type index[C comparable] struct {
	mu       sync.RWMutex // guards what follows
	everyone []C
	users    map[string][]C
	tags     map[string][]C
}

func newIndex[C comparable]() *index[C] {
	return &index[C]{users: map[string][]C{}, tags: map[string][]C{}}
}

func (x *index[C]) add(user, tag string, c C) {
	x.mu.Lock()
	defer x.mu.Unlock()

	x.everyone = append(x.everyone, c)
	x.users[user] = append(x.users[user], c)
	x.tags[tag] = append(x.tags[tag], c)
}

func (x *index[C]) remove(user, tag string, c C) {
	x.mu.Lock()
	defer x.mu.Unlock()

	same := func(other C) bool { return other == c }
	x.everyone = slices.DeleteFunc(x.everyone, same)
	x.users[user] = slices.DeleteFunc(x.users[user], same)
	x.tags[tag] = slices.DeleteFunc(x.tags[tag], same)
}

// each calls f, which must not block, for the connections that choose selects.
func (x *index[C]) each(choose func(*index[C]) []C, f func(C)) {
	x.mu.RLock()
	defer x.mu.RUnlock()

	for _, c := range choose(x) {
		f(c)
	}
}

func everyone[C comparable](x *index[C]) []C { return x.everyone }

func ofUser[C comparable](user string) func(*index[C]) []C {
	return func(x *index[C]) []C { return x.users[user] }
}

func ofTag[C comparable](tag string) func(*index[C]) []C {
	return func(x *index[C]) []C { return x.tags[tag] }
}
