package soak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// A Result is what a run has seen.
type Result struct {
	Plan     Plan
	Samples  []Sample
	Kills    []time.Duration // of the second server, since the start
	Crowds   []time.Duration // when a quarter of all pages lost their connections
	Bursts   []time.Duration
	Summary  []string
	Verdicts []Verdict
}

// OK reports whether all verdicts are.
func (r Result) OK() bool {
	for _, v := range r.Verdicts {
		if !v.OK {
			return false
		}
	}
	return len(r.Verdicts) > 0
}

// A run is one run of a plan.
type run struct {
	plan          Plan
	first, second *server
	tally         *tally
	authors       *authors
	sampler       *sampler
	pages         []*page // those that stay until the end
	start         time.Time
	faults        time.Duration // when they began, since the start

	kills, crowds, bursts []time.Duration // each owned by its fault until the faults are over

	before, peak, after Vars   // of the first server: without pages, at the end of the faults, and when all pages have left
	settled             string // what was missing when the faults were over, or ""
}

// Run runs a plan. An error means that the run could not be completed; broken
// promises are verdicts.
func Run(ctx context.Context, plan Plan) (result Result, err error) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	r := &run{plan: plan, tally: &tally{}, start: time.Now()}
	if r.first, err = startServer(ctx, plan); err != nil {
		return result, err
	}
	defer r.first.kill()
	if r.second, err = startServer(ctx, plan); err != nil {
		return result, err
	}
	defer r.second.kill()
	r.authors = &authors{http: client, tally: r.tally, ends: map[line]int{}}
	r.sampler = &sampler{http: client, first: r.first, second: r.second, tally: r.tally, start: r.start}
	if err := r.all(ctx); err != nil {
		return result, fmt.Errorf("%w\nthe first server has logged: %s", err, r.first.log)
	}
	stopped := errors.Join(r.first.stop(), r.second.stop())
	result = Result{Plan: plan, Samples: r.sampler.samples, Kills: r.kills, Crowds: r.crowds, Bursts: r.bursts, Summary: r.summary()}
	result.Verdicts = r.verdicts(stopped)
	return result, nil
}

// all is the run while both servers are there.
func (r *run) all(ctx context.Context) (err error) {
	if r.before, err = r.vars(ctx); err != nil {
		return err
	}
	staying, leave := context.WithCancel(ctx)
	var open sync.WaitGroup
	defer open.Wait()
	defer leave()
	r.arrive(staying, &open)
	r.plan.Log("%d pages have arrived; faults for %v", r.plan.Pages, r.plan.For)
	if err := r.trouble(ctx); err != nil {
		return err
	}
	r.plan.Log("the faults are over")
	r.settled = r.settle(ctx)
	if r.peak, err = r.vars(ctx); err != nil {
		return err
	}
	leave()
	open.Wait()
	r.after, err = r.quiet(ctx)
	return err
}

// arrive opens all pages, one after another.
func (r *run) arrive(ctx context.Context, open *sync.WaitGroup) {
	for i := range r.plan.Pages {
		p := r.page(i)
		switch at := i / 2; { // the same at each server
		case at%oneInSlow == 1:
			p.user, p.path, p.lines, p.slow = fmt.Sprint("slow", i), "/m", []line{shared, mobile}, true
		case at%oneInMobile == 3:
			p.user, p.path, p.lines = fmt.Sprint("mobile", i), "/m", []line{shared, mobile}
		case at%oneInVisits == 7:
			open.Go(func() { r.visitors(ctx, i) })
			continue
		default:
			p.user = fmt.Sprint("resident", i/perUser)
			p.lines = append(p.lines, line(p.user))
		}
		r.pages = append(r.pages, p)
		open.Go(func() { p.run(ctx) })
		wait(ctx, arrival)
	}
}

// page returns the i-th page, without a user.
func (r *run) page(i int) *page {
	return &page{
		server: []*server{r.first, r.second}[i%2], http: r.authors.http, tally: r.tally, path: "/",
		events: i/2%oneInStream == 0, absent: r.plan.Window - blind - 5*time.Second,
		lines: []line{shared, tasks}, ends: r.authors.last,
	}
}

// visitors are users who come one after another and stay for up to a minute.
func (r *run) visitors(ctx context.Context, i int) {
	for n := 0; ctx.Err() == nil; n++ {
		p := r.page(i)
		p.user = fmt.Sprintf("visitor%d.%d", i, n)
		stay, leave := context.WithTimeout(ctx, 10*time.Second+random(50*time.Second))
		p.run(stay)
		leave()
	}
}

// settle waits until every page has received every letter, and returns what is missing
// after a minute, or "".
func (r *run) settle(ctx context.Context) string {
	ends := r.authors.last()
	missing := ""
	for start := time.Now(); time.Since(start) < time.Minute; {
		letters, pages := 0, 0
		for _, p := range r.pages {
			if n := p.lacks(ends); n > 0 {
				letters, pages = letters+n, pages+1
			}
		}
		if pages == 0 {
			return ""
		}
		missing = fmt.Sprintf("%d letters at %d pages", letters, pages)
		if !wait(ctx, 200*time.Millisecond) {
			break
		}
	}
	return missing
}

func (r *run) vars(ctx context.Context) (Vars, error) {
	return readVars(ctx, r.authors.http, r.first.url(), r.first.process())
}

// quiet returns the vars of the first server when it has no sessions and no users
// and few goroutines, or after a minute and a half: the users of a node that was
// killed are online for 65 seconds and their grace.
func (r *run) quiet(ctx context.Context) (Vars, error) {
	for start := time.Now(); ; wait(ctx, 500*time.Millisecond) {
		r.authors.http.CloseIdleConnections()
		v, err := r.vars(ctx)
		left := v.Stats.Sessions > 0 || v.Stats.Users > 0 || v.Goroutines > r.before.Goroutines+spare
		if err != nil || !left || time.Since(start) > 90*time.Second {
			return v, err
		}
	}
}
