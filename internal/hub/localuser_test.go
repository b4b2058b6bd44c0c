package hub

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// Only the time at which the user left determines when a grace ends.
func TestGraceHasOneClock(t *testing.T) {
	p := newPresence("self", 15*time.Second)
	start := time.Now().Add(-time.Hour)
	p.userJoined("1")
	p.userLeft("1", start)
	p.userJoined("2")
	p.userLeft("2", start.Add(time.Second))
	p.userJoined("2") // is back

	p.endGraces(start.Add(15 * time.Second))
	if !p.isLocal("1") {
		t.Error("user 1 is gone before the grace is over")
	}
	p.endGraces(start.Add(15*time.Second + 1))
	if p.isLocal("1") {
		t.Error("user 1 is here although the grace is over")
	}
	p.endGraces(start.Add(time.Hour))
	if !p.isLocal("2") {
		t.Error("user 2 is gone, want a user who returned within the grace")
	}
}

func TestComingAndGoingIsBounded(t *testing.T) {
	for name, grace := range map[string]time.Duration{"no grace": 0, "a minute": time.Minute, "no end": 1<<63 - 1} {
		t.Run(name, func(t *testing.T) {
			p := newPresence("self", grace)
			p.unconfirmed = 1 // the log is unreachable
			now := time.Now()
			for i := range 100_000 {
				user := strconv.Itoa(i % 10)
				p.userJoined(user)
				p.userLeft(user, now)
				p.endGraces(now)
			}
			if n := p.unannounced.Len() + p.graces.Len() + len(p.local); n > 200 {
				t.Errorf("%d entries for 10 users", n)
			}
		})
	}
}

func TestAnnouncementsContainWhatHasChanged(t *testing.T) {
	p := newPresence("self", -1)
	now := time.Now()
	take := func() (announced []string) {
		p.unconfirmed = 0
		for _, a := range p.takeAnnouncements() {
			for _, user := range a.users {
				announced = append(announced, map[envelope.Kind]string{envelope.KindOnline: "+", envelope.KindOffline: "-"}[a.kind]+user)
			}
		}
		return announced
	}
	for i, step := range []struct {
		do   func()
		want []string
	}{
		{func() { p.userJoined("1"); p.userJoined("2") }, []string{"+1", "+2"}},
		{func() { p.userLeft("1", now); p.userJoined("3"); p.userLeft("3", now) }, []string{"-1"}},
		{func() { p.userLeft("2", now); p.userJoined("2") }, nil},
		{func() { p.userJoined("1"); p.userLeft("2", now) }, []string{"+1", "-2"}},
		{func() {}, nil},
	} {
		step.do()
		if got := take(); !slices.Equal(got, step.want) {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
	if len(p.local) != 1 {
		t.Errorf("%d local users are kept, want the one that is connected", len(p.local))
	}
}

// onlyLocal is updated by differences: it must equal a full count.
func TestCountOfUsersIsRight(t *testing.T) {
	p := newPresence("self", time.Second)
	now := time.Now()
	other, _ := p.receive([]byte("other..."), 1, 1, now)
	self, _ := p.receive([]byte("self"), 1, 1, now)
	steps := []func(user string){
		p.userJoined,
		func(user string) { p.userLeft(user, now) },
		func(user string) { p.addUsers(self, []string{user}) },
		func(user string) { p.addUsers(other, []string{user}) },
		func(user string) { p.removeUsers(self, []string{user}, 1, true) },
		func(user string) { p.removeUsers(other, []string{user}, 1, false) },
		func(string) { now = now.Add(time.Second + 1); p.endGraces(now) },
		func(string) { p.unconfirmed = 0; p.takeAnnouncements() },
		func(user string) { p.applyList(other, []string{"1/1", user}, 1) },
	}
	for i := range 20_000 {
		h := uint32(i) * 2654435761
		steps[h>>8%uint32(len(steps))](strconv.Itoa(int(h >> 16 % 7)))
		want := 0
		for range p.all() {
			want++
		}
		here := 0
		for user := range p.local {
			if p.isOnlyLocal(user) {
				here++
			}
		}
		if p.onlineCount() != want || p.onlyLocal != here {
			t.Fatalf("step %d: counted %d and %d only local, want %d and %d", i, p.onlineCount(), p.onlyLocal, want, here)
		}
	}
}

func TestLastSeenIsDroppedAfterADay(t *testing.T) {
	p := newPresence("self", 0)
	for i := range 10 {
		p.recordLastSeen(strconv.Itoa(i%5), int64(i))
	}
	if got := p.seenEnd.Len(); got != 5 {
		t.Errorf("%d entries for 5 users", got)
	}
	if p.dropLastSeen(time.Now().Add(lastSeenTTL/2), 100) || p.seen.ItemCount() != 5 {
		t.Error("an entry was dropped too early")
	}
}
