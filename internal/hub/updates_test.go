package hub

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/echo-pull/pull/internal/conn"
)

const fourKB = 4 << 10

// Whatever comes and goes, a page receives at most 4 KiB a second, and shows the
// right state a while after all is calm.
func TestPresenceIsBoundedAndRightInTheEnd(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 7))
				most := []int{8, 60, 200}[seed%3]
				grace := []time.Duration{-1, 2 * time.Second}[seed%2]
				tn := newTown(2, func(c *Config) {
					if c.Grace = grace; seed%4 == 3 {
						c.Scope = OnlineWatchers("STAFF")
					}
				})
				tn.hire(most)
				var pages []*mirror
				for second := range 60 {
					for range r.IntN(4) {
						pages = tn.stir(t, r, pages, most)
						if r.IntN(3) > 0 {
							tn.pass(time.Duration(r.IntN(250)) * time.Millisecond)
						}
					}
					synctest.Wait()
					for _, m := range pages {
						m.takeBytes() // hello and the first list
					}
					tn.pass(time.Duration(r.IntN(250)) * time.Millisecond)
					tn.update()
					for _, m := range pages {
						if n := m.takeBytes(); n > fourKB {
							t.Fatalf("second %d: an update of %d bytes, want %d at most", second, n, fourKB)
						}
					}
				}

				tn.rest(60)

				for _, m := range pages {
					m.check(t)
				}
			})
		})
	}
}

// stir lets users come and go: mostly one, sometimes many at once.
func (tn *town) stir(t *testing.T, r *rand.Rand, pages []*mirror, users int) []*mirror {
	t.Helper()
	many := 1
	if r.IntN(5) == 0 {
		many = 1 + r.IntN(users)
	}
	come := r.IntN(5) > 1
	for range many {
		if come {
			user := townUser(r.IntN(users))
			if r.IntN(8) == 0 {
				user = "" // a guest
			}
			pages = append(pages, tn.nodes[r.IntN(len(tn.nodes))].open(t, user))
			continue
		}
		if len(pages) > 1 {
			at := r.IntN(len(pages))
			pages[at].leave()
			pages[at] = pages[len(pages)-1]
			pages = pages[:len(pages)-1]
		}
	}
	return pages
}

// townUser returns an id: some are short, some long, and some need escaping.
func townUser(i int) string {
	switch {
	case i%40 == 0:
		return strings.Repeat("<é>", 50) + strconv.Itoa(i)
	case i%4 == 0:
		return fmt.Sprintf("7d0c5a3e-1f64-4f0e-9d3a-%012d", i)
	default:
		return strconv.Itoa(i)
	}
}

// A first list takes less than 4 KiB, and names as many users as fit.
func TestListOfUsersIsBoundedInBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		user func(int) string
		fit  int
	}{
		{"short ids", strconv.Itoa, 90},
		{"long ids", func(i int) string { return strings.Repeat("<", 250) + fmt.Sprintf("%05d", i) }, 1},
		{"all kinds", townUser, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := crowd(10_000, c.user)
			body := h.onlineListFor(newPage(h, "1", discard{}))
			if n := bytes.Count(body, []byte(`"status":"online"`)); n < c.fit || len(body) > presenceBytes {
				t.Errorf("got %d users in %d bytes, want %d or more in %d", n, len(body), c.fit, presenceBytes)
			}
			if !bytes.Contains(body, []byte(`"COUNT":10000,`)) {
				t.Errorf("got %s, want a count of 10000", body)
			}
		})
	}
}

// crowd returns a hub with users who are online.
func crowd(users int, id func(int) string) *Hub {
	h, _ := newHub(func(c *Config) { c.Scope = OnlineEveryone })
	self, _ := h.presence.receive([]byte(h.ID), 1, 1, time.Now())
	for i := range users {
		h.presence.userJoined(id(i))
		h.presence.addUsers(self, []string{id(i)})
	}
	return h
}

// What is done under the hub's lock does not grow with the number of users.
func TestListOfManyUsersCostsNoMoreThanOneOfSome(t *testing.T) {
	allocated := func(users int) float64 {
		h := crowd(users, func(i int) string { return fmt.Sprintf("%06d", i) })
		return testing.AllocsPerRun(10, func() { h.refreshOnlineList(time.Now()) })
	}
	if some, many := allocated(500), allocated(50_000); many > some {
		t.Errorf("a list of 50,000 users makes %v allocations, want %v as one of 500", many, some)
	}
}

// A page shows the same users from one list to the next.
func TestListsNameTheSameUsers(t *testing.T) {
	h := crowd(1000, strconv.Itoa)
	h.refreshOnlineList(time.Now())
	first := h.online.users
	gone := first[3]
	h.presence.userLeft(gone, time.Now())
	h.presence.removeUsers(h.presence.peers[h.ID], []string{gone}, 1, true)
	h.presence.endGraces(time.Now().Add(time.Hour))

	h.refreshOnlineList(time.Now())

	want := slices.DeleteFunc(slices.Clone(first), func(user string) bool { return user == gone })
	if got := h.online.users; !slices.Equal(got[:len(want)], want) || len(got) <= len(want) {
		t.Errorf("got %v, want %v and others", got, want)
	}
}

// 10,000 users connect within two seconds.
func TestStormOfUsersIsToldInFewLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users = 10_000
		tn := newTown(1, func(*Config) {})
		h := tn.nodes[0].hub
		pages := make([]*countingPage, users)
		for i := range pages {
			pages[i] = &countingPage{since: time.Now()}
			p := newPage(h, strconv.Itoa(i), pages[i])
			if err := h.Join(p, nil, 0); err != nil {
				t.Fatal(err)
			}
			p.Flush()
			switch i % (users / 8) {
			case 0:
				tn.pass(time.Second / 4)
			case 1:
				if i%(users/2) == 1 {
					tn.update()
				}
			}
		}
		synctest.Wait()

		tn.rest(60)

		for i, p := range pages {
			seconds := int(time.Since(p.since)/time.Second) + 1
			if p.bytes > fourKB*seconds || p.updates > 4 {
				t.Fatalf("page %d got %d bytes in %d updates in %d s", i, p.bytes, p.updates, seconds)
			}
			if !strings.Contains(p.last, `"COUNT":10000,`) {
				t.Fatalf("page %d got %s last, want a list that counts 10,000", i, p.last)
			}
		}
	})
}

// A countingPage is a page that counts what it receives.
type countingPage struct {
	plain
	since   time.Time
	bytes   int
	updates int
	last    string
}

func (y *countingPage) Offer(_ *conn.Nonblocking, frame []byte) int {
	y.bytes += len(frame)
	y.updates++
	y.last = unsafe.String(&frame[0], len(frame)) // frames never change; a copy for every page would take long
	return len(frame)
}

func (y *countingPage) WriteAll(p []byte) error {
	y.bytes += len(p)
	return nil
}

// slow is a page to which a write takes a while.
type slow struct {
	countingPage
	takes time.Duration
}

func (s *slow) Offer(o *conn.Nonblocking, frame []byte) int {
	<-time.After(s.takes)
	return s.countingPage.Offer(o, frame)
}

// Lists take a hundredth of the time at most, but none is later than ten seconds.
func TestListsThatTakeLongAreSeldom(t *testing.T) {
	for takes, want := range map[time.Duration]int{0: 60, 30 * time.Millisecond: 20, time.Second / 4: 6} {
		t.Run(takes.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tn := newTown(1, func(*Config) {})
				h, s := tn.nodes[0].hub, &slow{takes: takes}
				p := newPage(h, "one", s)
				if err := h.Join(p, nil, 0); err != nil {
					t.Fatal(err)
				}
				p.Flush()
				tn.rest(1)
				s.updates = 0
				start := time.Now()
				for time.Since(start) < time.Minute {
					for user := range 100 {
						h.queueChanges([]Change{{User: strconv.Itoa(user)}})
					}
					tn.pass(time.Second - time.Since(start)%time.Second) // as a ticker does
					tn.update()
				}
				if s.updates < want-1 || s.updates > want+1 {
					t.Errorf("got %d lists in a minute, want %d", s.updates, want)
				}
			})
		})
	}
}

// The list was made a moment before the user came, and the user's own change is
// the only one of its second.
func TestPageWithAListThatLacksItsUserReceivesTheUsersChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(1, func(*Config) {})
		first := tn.nodes[0].open(t, "first")
		tn.settle()
		tn.update() // first is known to all
		tn.nodes[0].hub.refreshOnlineList(time.Now())

		second := tn.nodes[0].open(t, "second")
		tn.rest(1)

		first.check(t)
		second.check(t)
	})
}

// A page connects after changes were dropped and before the list that replaces
// them, with a list that was made before the changes.
func TestPageThatConnectsInTheMiddleOfAStormIsRightInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(2, func(*Config) {})
		n := tn.nodes[0]
		n.open(t, "first")
		tn.rest(1)
		n.hub.updates.listed, n.hub.updates.pause = time.Now(), 5*time.Second
		n.hub.refreshOnlineList(time.Now())
		var others []*mirror
		for i := range 60 {
			others = append(others, tn.nodes[1].open(t, strconv.Itoa(i))) // on the other node
		}
		tn.settle()
		tn.update()
		if !n.hub.updates.dropped {
			t.Fatal("60 changes fit into an update")
		}

		p := n.open(t, "middle")
		synctest.Wait()
		p.read(t)
		before := len(p.users)
		tn.rest(10)

		p.check(t)
		if before > 2 || len(p.users) != 62 || p.lists != 2 {
			t.Errorf("the page knew %d users, and %d after %d lists; want 2 at most, and 62 after 2", before, len(p.users), p.lists)
		}
		for _, m := range others {
			m.check(t)
		}
	})
}

// While there are more users than a list names, a change comes alone, and a list
// with the count follows.
func TestCountIsRightAgainAfterChangesThatPagesCannotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(1, func(*Config) {})
		m := tn.nodes[0].open(t, "first")
		for i := range 300 {
			tn.nodes[0].open(t, strconv.Itoa(i))
		}
		tn.rest(40)
		m.check(t)
		lists := m.lists
		tn.nodes[0].open(t, "late")
		tn.rest(1)
		m.read(t)
		if m.lists != lists || !m.users["late"] {
			t.Errorf("%d lists and late online %t, want a change alone", m.lists-lists, m.users["late"])
		}

		tn.rest(30)

		m.check(t)
		if m.lists != lists+1 {
			t.Errorf("%d lists, want one", m.lists-lists)
		}
		tn.rest(120)
		if m.read(t); m.lists != lists+1 {
			t.Errorf("%d lists although all was calm, want one", m.lists-lists)
		}
	})
}

// A page that connects while changes wait gets a list of everyone, but the others
// still have one that was cut.
func TestPagesKnowEveryoneOnceAllFitIntoAList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(1, func(c *Config) { c.Grace = -1 })
		n := tn.nodes[0]
		m := n.open(t, "first")
		var others []*mirror
		for i := range 115 {
			others = append(others, n.open(t, strconv.Itoa(i)))
		}
		tn.rest(40)
		if m.check(t); m.complete {
			t.Fatalf("%d users fit into a list", m.count)
		}
		for _, other := range others[:20] {
			other.leave()
		}
		tn.settle()
		n.open(t, "late")

		tn.rest(40)

		if m.check(t); !m.complete {
			t.Errorf("the page knows %d of %d users", len(m.users), m.count)
		}
	})
}

// A storm of users whom the watchers of a tag do not hear of is none for them.
func TestStormOfOthersDoesNotReachTheWatchersOfATag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(1, func(c *Config) { c.Scope = OnlineWatchers("STAFF") })
		n := tn.nodes[0]
		for _, user := range []string{"first", "second"} {
			n.hub.watches.grant(user, "STAFF", 0, time.Now().UnixNano())
		}
		m := n.open(t, "first")
		tn.rest(1)
		for i := range 500 {
			n.open(t, strconv.Itoa(i))
		}
		n.open(t, "second")
		tn.rest(40)

		m.read(t)
		if m.lists != 1 || len(m.users) != 2 || m.count != 2 {
			t.Errorf("got %d lists, a count of %d and %v, want one list and two users", m.lists, m.count, m.users)
		}
	})
}

// A user comes and goes while the log is out of reach, and others get the user in
// their list.
func TestUserOfWhomTheLogNeverHearsGoesOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(1, func(c *Config) { c.Grace = -1 })
		tn.nodes[0].open(t, "first") // what follows is announced when this has come back from the log
		short := tn.nodes[0].open(t, "short")
		<-time.After(2 * time.Second) // the next list is made anew
		m := tn.nodes[0].open(t, "other")
		if m.read(t); !m.users["short"] {
			t.Fatal("the list does not have the user")
		}
		short.leave()
		tn.rest(3)

		m.check(t)
		if m.users["short"] {
			t.Error("the user who has left is still shown")
		}
	})
}
