package storetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/push"
)

func TestHonestStorePasses(t *testing.T) {
	t.Parallel()
	for _, p := range all() {
		if err := p.run(t.Context(), push.NewMemoryStore()); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}

func TestWrongStoreIsFound(t *testing.T) {
	t.Parallel()
	for wrong, name := range map[string]string{
		"loses the time":       "kept",
		"keeps the old one":    "saved twice",
		"leaves a copy":        "moves",
		"never deletes":        "deleted",
		"deletes from all":     "deleted by others",
		"folds endpoints":      "similar endpoints",
		"cuts endpoints":       "similar endpoints",
		"folds users":          "similar users",
		"trims users":          "similar users",
		"refuses quotes":       "odd users",
		"has no bound":         "bounded",
		"drops the newest":     "bounded",
		"invents":              "seen unknown",
		"lists without order":  "users",
		"lists too many":       "users",
		"remembers the absent": "no users",
	} {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(all(), func(p promise) bool { return p.name == name })
			s := &faulty{MemoryStore: push.NewMemoryStore(), wrong: wrong, ever: map[string]bool{}, first: map[string]push.Subscription{}}
			if err := all()[i].run(t.Context(), s); err == nil {
				t.Errorf("a store that %s keeps the promise %q", wrong, name)
			}
		})
	}
}

// faulty is a store with one fault.
type faulty struct {
	*push.MemoryStore
	wrong string
	mu    sync.Mutex                   // guards what follows
	ever  map[string]bool              // all users
	first map[string]push.Subscription // by endpoint
	extra []push.Subscription
}

func (f *faulty) user(user string) string {
	switch f.wrong {
	case "folds users":
		return strings.ToLower(user)
	case "trims users":
		return strings.TrimSpace(user)
	}
	return user
}

func (f *faulty) endpoint(endpoint string) string {
	switch f.wrong {
	case "folds endpoints":
		return strings.ToLower(endpoint)
	case "cuts endpoints":
		return endpoint[:min(len(endpoint), 1000)]
	}
	return endpoint
}

func (f *faulty) Save(ctx context.Context, user string, s push.Subscription) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ever[user] = true
	if _, found := f.first[s.Endpoint]; !found {
		f.first[s.Endpoint] = s
	}
	s.Endpoint = f.endpoint(s.Endpoint)
	switch f.wrong {
	case "loses the time":
		s.ExpirationTime = nil
	case "keeps the old one":
		s = f.first[s.Endpoint]
	case "leaves a copy", "has no bound":
		f.extra = append(f.extra, s)
	case "refuses quotes":
		if strings.Contains(user, "'") {
			return context.Canceled
		}
	case "drops the newest":
		if all, _ := f.Of(ctx, user); len(all) == push.MaxDevices {
			return nil
		}
	}
	return f.MemoryStore.Save(ctx, f.user(user), s)
}

func (f *faulty) Of(ctx context.Context, user string) ([]push.Subscription, error) {
	if f.wrong == "leaves a copy" || f.wrong == "has no bound" || f.wrong == "invents" && len(f.extra) > 0 {
		return f.extra, nil
	}
	return f.MemoryStore.Of(ctx, f.user(user))
}

func (f *faulty) Delete(ctx context.Context, user, endpoint string) error {
	switch f.wrong {
	case "never deletes":
		return nil
	case "deletes from all":
		for user := range f.ever {
			_ = f.MemoryStore.Delete(ctx, user, endpoint)
		}
	}
	return f.MemoryStore.Delete(ctx, f.user(user), f.endpoint(endpoint))
}

func (f *faulty) Seen(ctx context.Context, endpoint string, at time.Time) error {
	if f.wrong == "invents" {
		f.extra = append(f.extra, push.Subscription{Endpoint: endpoint})
	}
	return f.MemoryStore.Seen(ctx, f.endpoint(endpoint), at)
}

func (f *faulty) Users(ctx context.Context, after string, limit int) ([]string, error) {
	switch f.wrong {
	case "lists too many":
		limit++
	case "remembers the absent":
		var users []string
		for user := range f.ever {
			users = append(users, user)
		}
		return users, nil
	}
	users, err := f.MemoryStore.Users(ctx, after, limit)
	if f.wrong == "lists without order" {
		slices.Reverse(users)
	}
	return users, err
}
