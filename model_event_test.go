package pull_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/echo-pull/pull"
)

// publish sends events in bursts, inside and outside requests.
func (w *world) publish(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		for range 1 + r.IntN(30) {
			n := w.node(r)
			if r.IntN(3) > 0 {
				w.post(n, r)
				continue
			}
			target, e := w.randomEvent(r)
			if err := n.Send(context.Background(), target, e); err == nil && !nobody(e) {
				w.sent.Store(e.Params.(modelParams).Number, true)
			}
		}
		<-time.After(time.Duration(r.IntN(20)) * time.Millisecond)
	}
}

func (w *world) post(n *modelNode, r *rand.Rand) {
	request, _ := http.NewRequestWithContext(context.Background(), http.MethodPost,
		n.scheme+"://app.test/send?seed="+strconv.FormatUint(r.Uint64(), 10), nil)
	page := w.pages[r.IntN(w.crowd)]
	request.Header.Set(pull.HeaderClient, page.client)
	request.Header.Set(userHeader, page.user)
	if response, err := n.client.Do(request); err == nil {
		_ = response.Body.Close()
	}
}

// send is the application's handler.
func (w *world) send(c pull.Context) error {
	seed, _ := strconv.ParseUint(c.QueryParam("seed"), 10, 64)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 1 + r.IntN(6) {
		target, e := w.randomEvent(r)
		if r.IntN(5) == 0 {
			params := e.Params.(modelParams) //nolint:forcetypeassert // randomEvent's
			params.Sender = c.Request().Header.Get(pull.HeaderClient)
			e.Params, e.ExceptSender = params, true
		}
		if err := c.Pull().Send(target, e); err != nil {
			return err
		}
	}
	return c.NoContent(http.StatusNoContent)
}

func nobody(e pull.Event) bool {
	return !slices.ContainsFunc(e.Params.(modelParams).To, func(t modelTerm) bool { //nolint:forcetypeassert // made here
		return t.Shared || len(t.Users) > 0 || len(t.Tags) > 0
	})
}

func (w *world) randomEvent(r *rand.Rand) (pull.Target, pull.Event) {
	params := modelParams{Number: w.number.Add(1), Pad: strings.Repeat("p", r.IntN(100))}
	if r.IntN(50) == 0 {
		params.Pad = strings.Repeat("P", r.IntN(20<<10))
	}
	var target pull.Target
	for i := range 1 + r.IntN(3)/2 {
		var term modelTerm
		some := func(n int) (list []string) {
			for range n {
				list = append(list, strconv.Itoa(r.IntN(modelUsers)))
			}
			return list
		}
		switch term.Users = some(r.IntN(3)); r.IntN(10) {
		case 0:
			term.Shared, term.Users = true, nil
		case 1, 2, 3, 4, 5:
			term.Tags = []string{"T" + strconv.Itoa(r.IntN(modelTags)), "T" + strconv.Itoa(r.IntN(modelTags))}
		}
		if r.IntN(4) == 0 {
			term.Except = some(2)
		}
		one := pull.User(term.Users...).Or(pull.Tag(term.Tags...))
		if term.Shared {
			one = pull.Shared()
		}
		if one = one.Except(term.Except...); i == 0 {
			target = one
		} else {
			target = target.Or(one)
		}
		params.To = append(params.To, term)
	}
	return target, event("model", params)
}

type modelParams struct {
	Number uint64      `json:"n"`
	To     []modelTerm `json:"to"`
	Sender string      `json:"sender,omitempty"`
	Pad    string      `json:"pad,omitempty"`
}

// A modelTerm records an intended target, in the event's own params.
type modelTerm struct {
	Shared bool     `json:"s,omitempty"`
	Users  []string `json:"u,omitempty"`
	Tags   []string `json:"t,omitempty"`
	Except []string `json:"x,omitempty"`
}

// watch grants and ends watches.
func (w *world) watch(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		user, tag := strconv.Itoa(r.IntN(modelUsers)), "T"+strconv.Itoa(r.IntN(modelTags))
		if n := w.node(r); r.IntN(3) > 0 {
			_ = n.Watch().Add(user, tag)
		} else {
			_ = n.Watch().Delete(user, tag)
		}
		<-time.After(time.Duration(r.IntN(20)) * time.Millisecond)
	}
}
