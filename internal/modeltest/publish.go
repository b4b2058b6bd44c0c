package modeltest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

const clientHeader = "Pull-Client"

// publish sends events, inside and outside requests, until ctx ends.
func (w *World) publish(ctx context.Context, r *rand.Rand) {
	for due := time.Now(); ctx.Err() == nil; {
		requests := 1 + r.IntN(30)
		if w.Rate > 0 {
			requests = 1
		}
		events := 0
		for range requests {
			events += w.send(w.node(r), r)
		}
		pause := time.Duration(r.IntN(20)) * time.Millisecond
		if w.Rate > 0 {
			due = due.Add(time.Duration(events*w.Publishers) * time.Second / time.Duration(w.Rate))
			if pause = time.Until(due); events == 0 {
				pause = time.Millisecond // the node is down
			}
		}
		<-time.After(pause)
	}
}

// send makes a request that sends events, and returns how many were accepted.
func (w *World) send(n *Node, r *rand.Rand) (events int) {
	switch r.IntN(6) {
	case 0, 1:
		return w.sendDirectly(n, r)
	case 2:
		return w.sendRepeatedly(r)
	}
	p, events := w.pages[r.IntN(len(w.pages))], 1+r.IntN(6)
	header := http.Header{UserHeader: {p.user}}
	header.Set(clientHeader, p.client)
	if n.send(w.query(r, events), header) != nil {
		return 0
	}
	return events
}

// sendDirectly sends an event outside requests. If the log has accepted it, it
// must be there.
func (w *World) sendDirectly(n *Node, r *rand.Rand) (events int) {
	losses := w.losses.Load()
	path := "/direct?" + w.query(r, 1)
	if n.operate(path) != nil {
		return 0
	}
	request, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, path, nil)
	if d := drawFrom(request).next(); !d.params.isForNobody() {
		w.sent.Store(d.params.Number, losses)
	}
	return 1
}

// query describes events for [drawFrom], with numbers that no others have.
func (w *World) query(r *rand.Rand, events int) string {
	last := w.number.Add(uint64(events))
	return fmt.Sprintf("seed=%d&first=%d&events=%d&users=%d&tags=%d&everyone=%d",
		r.Uint64(), last+1-uint64(events), events, w.Mix.Users, w.Mix.Tags, w.Mix.Everyone)
}

// watch grants and ends watches until ctx ends.
func (w *World) watch(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		query := "?user=" + w.Mix.user(r) + "&tag=" + w.Mix.tag(r)
		if n := w.node(r); r.IntN(3) > 0 {
			_ = n.operate("/watch" + query)
		} else {
			_ = n.operate("/unwatch" + query)
		}
		<-time.After(time.Duration(r.IntN(20)) * time.Millisecond)
	}
}
