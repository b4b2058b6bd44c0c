package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// blind is how long the slow pages read nothing after a burst.
const blind = 10 * time.Second

// trouble lets authors write and faults happen until the plan's time is over, and
// takes samples. It returns the first error.
func (r *run) trouble(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.plan.For)
	defer cancel()
	r.faults = time.Since(r.start)
	users := r.residents()
	var running sync.WaitGroup
	failed := make(chan error, 16)
	repeat := func(pause time.Duration, act func() error) {
		running.Go(func() {
			if err := every(ctx, pause, act); err != nil {
				failed <- err
				cancel()
			}
		})
	}
	repeat(r.plan.Sample, func() error { return r.sampler.sample(ctx) })
	repeat(r.plan.Shared, func() error { return r.authors.say(ctx, r.first, shared, toEveryone(), "") })
	repeat(r.plan.Private, func() error {
		user := users[rand.IntN(len(users))] //nolint:gosec // any of them
		return r.authors.say(ctx, r.first, line(user), toUser(user), "")
	})
	repeat(r.plan.Change, func() error { return r.authors.change(ctx, r.second) })
	repeat(r.plan.Cut, func() error { r.any().cut(); return nil })
	repeat(r.plan.Crowd, r.crowd)
	repeat(r.plan.Burst, func() error { return r.burst(ctx) })
	repeat(r.plan.Kill, func() error { return r.kill(ctx) })
	running.Wait()
	close(failed)
	var all []error
	for err := range failed {
		all = append(all, err)
	}
	return errors.Join(append(all, r.revive(context.WithoutCancel(ctx)))...)
}

// residents returns the users whose pages stay until the end, except those of /m.
func (r *run) residents() []string {
	var users []string
	seen := map[string]bool{}
	for _, p := range r.pages {
		if p.path == "/" && !seen[p.user] {
			seen[p.user] = true
			users = append(users, p.user)
		}
	}
	return users
}

func (r *run) any() *page { return r.pages[rand.IntN(len(r.pages))] } //nolint:gosec // any of them

// crowd cuts the connections of a quarter of all pages at once.
func (r *run) crowd() error {
	r.crowds = append(r.crowds, time.Since(r.start))
	for i, p := range r.pages {
		if i%4 == len(r.crowds)%4 {
			p.cut()
		}
	}
	return nil
}

// burst sends many events to the users who watch /m. The slow pages do not read
// them until there are more than the server keeps for a connection.
func (r *run) burst(ctx context.Context) error {
	r.bursts = append(r.bursts, time.Since(r.start))
	padding := " " + strings.Repeat("🙂", 150) // four bytes each
	for i := range r.plan.Letters {
		if i%100 == 0 {
			r.blindfold()
		}
		if err := r.authors.say(ctx, r.first, mobile, toPage("/m"), padding); err != nil {
			return fmt.Errorf("in a burst: %w", err)
		}
	}
	return nil
}

// blindfold keeps the slow pages from reading for a while.
func (r *run) blindfold() {
	for _, p := range r.pages {
		if p.slow {
			p.pause(blind)
		}
	}
}

// kill kills the second server and starts it again.
func (r *run) kill(ctx context.Context) error {
	r.kills = append(r.kills, time.Since(r.start))
	r.second.kill()
	wait(ctx, restart)
	return r.revive(context.WithoutCancel(ctx))
}

// revive starts the second server if it is down.
func (r *run) revive(ctx context.Context) error {
	if r.second.process() != 0 {
		return nil
	}
	return r.second.start(ctx)
}
