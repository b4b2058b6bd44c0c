package hub

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/session"
)

// Pages join, renew their sessions and leave in any order. What is due is always first.
func TestTermsHoldNothingOfPagesThatHaveLeft(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed))
	h, _ := newHub(func(*Config) {})
	now := time.Now()
	ids := []session.ID{{}, session.IDOf("s1"), session.IDOf("s2"), session.IDOf("s3")}
	lease := func() *session.Lease {
		id, until := ids[r.IntN(len(ids))], time.Time{}
		if r.IntN(3) > 0 {
			until = now.Add(time.Duration(r.IntN(1000)) * time.Second)
		}
		if id == (session.ID{}) && until.IsZero() {
			return nil
		}
		return session.NewLease(id, until, now)
	}
	pages := make([]*Page, 64)
	for i := range pages {
		pages[i] = newPage(h, "42", plain{})
	}
	for range 20_000 {
		p := pages[r.IntN(len(pages))]
		switch r.IntN(4) {
		case 0:
			h.terms.set(p, lease())
		case 1:
			h.terms.set(p, lease())
			h.terms.add(p, now)
		case 2:
			h.terms.remove(p)
		default:
			if d := h.terms.due(now.Add(500 * time.Second)); d != nil {
				h.terms.expectEnd(d, now)
			}
		}
		checkTerms(t, &h.terms)
	}
	for _, p := range pages {
		h.terms.remove(p)
	}
	if len(h.terms.byPage)+len(h.terms.byTime)+len(h.terms.byID) > 0 {
		t.Errorf("got %d terms, %d in the heap and %d ids, want none", len(h.terms.byPage), len(h.terms.byTime), len(h.terms.byID))
	}
}

// checkTerms fails unless each term has its place in the heap and among those of its id,
// and none precedes the one on top.
func checkTerms(t *testing.T, all *terms) {
	t.Helper()
	for i, one := range all.byTime {
		if one.index != i || all.byPage[one.page] != one || one.next.Before(all.byTime[0].next) {
			t.Fatalf("the term at %d of the heap has the index %d", i, one.index)
		}
	}
	for id, pages := range all.byID {
		for _, p := range pages {
			if one := all.byPage[p]; one == nil || one.lease.ID != id {
				t.Fatalf("the id has a page whose term is %+v", one)
			}
		}
		if len(pages) == 0 {
			t.Fatal("an id without pages is left")
		}
	}
}
