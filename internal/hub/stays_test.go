package hub

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// The time of the departure and nothing else decides when a grace ends.
func TestGraceHasOneClock(t *testing.T) {
	p := newPresence("self", 15*time.Second)
	start := time.Now().Add(-time.Hour)
	p.arrive("1")
	p.depart("1", start)
	p.arrive("2")
	p.depart("2", start.Add(time.Second))
	p.arrive("2") // is back

	p.sweep(start.Add(15 * time.Second))
	if !p.isHere("1") {
		t.Error("user 1 has left before the grace is over")
	}
	p.sweep(start.Add(15*time.Second + 1))
	if p.isHere("1") {
		t.Error("user 1 is here although the grace is over")
	}
	p.sweep(start.Add(time.Hour))
	if !p.isHere("2") {
		t.Error("user 2 has left, who came back within the grace")
	}
}

func TestComingAndGoingIsBounded(t *testing.T) {
	for name, grace := range map[string]time.Duration{"no grace": 0, "a minute": time.Minute, "for ever": 1<<63 - 1} {
		t.Run(name, func(t *testing.T) {
			p := newPresence("self", grace)
			p.announcing = 1 // the log is out of reach
			now := time.Now()
			for i := range 100_000 {
				user := strconv.Itoa(i % 10)
				p.arrive(user)
				p.depart(user, now)
				p.sweep(now)
			}
			if n := p.news.Len() + p.departures.Len() + len(p.stays); n > 200 {
				t.Errorf("%d entries for 10 users", n)
			}
		})
	}
}

func TestAnnouncementsTellWhatHasChanged(t *testing.T) {
	p := newPresence("self", -1)
	now := time.Now()
	take := func() (said []string) {
		p.announcing = 0
		for _, a := range p.takeNews() {
			for _, user := range a.users {
				said = append(said, map[envelope.Kind]string{envelope.KindOnline: "+", envelope.KindOffline: "-"}[a.kind]+user)
			}
		}
		return said
	}
	for i, step := range []struct {
		do   func()
		want []string
	}{
		{func() { p.arrive("1"); p.arrive("2") }, []string{"+1", "+2"}},
		{func() { p.depart("1", now); p.arrive("3"); p.depart("3", now) }, []string{"-1"}},
		{func() { p.depart("2", now); p.arrive("2") }, nil},
		{func() { p.arrive("1"); p.depart("2", now) }, []string{"+1", "-2"}},
		{func() {}, nil},
	} {
		step.do()
		if got := take(); !slices.Equal(got, step.want) {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
	if len(p.stays) != 1 {
		t.Errorf("%d stays are kept, want the one of the user who is here", len(p.stays))
	}
}

// onlyHere is kept by differences: it must be what a count would give.
func TestCountOfUsersIsRight(t *testing.T) {
	p := newPresence("self", time.Second)
	now := time.Now()
	other, _ := p.hear([]byte("other..."), 1, 1, now)
	self, _ := p.hear([]byte("self"), 1, 1, now)
	steps := []func(user string){
		p.arrive,
		func(user string) { p.depart(user, now) },
		func(user string) { p.online(self, []string{user}) },
		func(user string) { p.online(other, []string{user}) },
		func(user string) { p.offline(self, []string{user}, 1, true) },
		func(user string) { p.offline(other, []string{user}, 1, false) },
		func(string) { now = now.Add(time.Second + 1); p.sweep(now) },
		func(string) { p.announcing = 0; p.takeNews() },
		func(user string) { p.list(other, []string{"1/1", user}, 1) },
	}
	for i := range 20_000 {
		h := uint32(i) * 2654435761
		steps[h>>8%uint32(len(steps))](strconv.Itoa(int(h >> 16 % 7)))
		want := 0
		for range p.all() {
			want++
		}
		here := 0
		for user := range p.stays {
			if p.isOnlyHere(user) {
				here++
			}
		}
		if p.count() != want || p.onlyHere != here {
			t.Fatalf("step %d: counted %d and %d only here, want %d and %d", i, p.count(), p.onlyHere, want, here)
		}
	}
}

func TestLastSeenIsForgottenAfterADay(t *testing.T) {
	p := newPresence("self", 0)
	for i := range 10 {
		p.remember(strconv.Itoa(i%5), int64(i))
	}
	if got := p.forgetting.Len(); got != 5 {
		t.Errorf("%d entries for 5 users", got)
	}
	if p.forget(time.Now().Add(seenTTL/2), 100) || p.seen.ItemCount() != 5 {
		t.Error("something was forgotten too early")
	}
}
