package hub

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/session"
)

// FuzzExplainNeverContradictsWhatAPageReceived lets pages come, watch, read, hang and leave
// while messages and watches pass the log, as the bytes order it. What the node then
// explains about each message and each session is compared with what the session has got.
func FuzzExplainNeverContradictsWhatAPageReceived(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(randomOrders(seed, 300))
	}
	f.Fuzz(func(t *testing.T, orders []byte) {
		synctest.Test(t, func(t *testing.T) {
			m := newLittleModel(t)
			m.follow(orders[:min(len(orders), 1000)])
			m.settle()
		})
	})
}

// Explanations that are never wrong because they never claim anything would be of no use.
func TestExplainKnowsMostly(t *testing.T) {
	counts := make(map[explain.Outcome]int)
	for seed := range uint64(25) {
		synctest.Test(t, func(t *testing.T) {
			m := newLittleModel(t)
			m.follow(randomOrders(seed, 600))
			m.settle()
			for outcome, n := range m.counts {
				counts[outcome] += n
			}
		})
	}
	t.Logf("%v", counts)
	for _, outcome := range []explain.Outcome{explain.Sent, explain.Waiting, explain.Before, explain.Gap, explain.NotFor, explain.Not} {
		if counts[outcome] < 500 {
			t.Errorf("got the outcome %q %d times, want it often", outcome, counts[outcome])
		}
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	if counts[explain.Perhaps]*4 > total {
		t.Errorf("got %d of %d outcomes that are not known, want a quarter at most", counts[explain.Perhaps], total)
	}
}

func randomOrders(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	orders := make([]byte, n)
	for i := range orders {
		orders[i] = byte(r.Uint32())
	}
	return orders
}

// A littleModel is a hub with pages, and what they have received.
type littleModel struct {
	t      *testing.T
	hub    *Hub
	d      *Dispatcher
	seq    uint64
	epoch  string
	offset uint64
	batch  []broker.Delivery // not yet in the hub
	slow   [][]byte          // not yet in the log
	round  *round            // applied and not yet delivered; nil if there is none
	pages  []*littlePage     // in the order in which they have come, also those that have left
	orders []byte
	counts map[explain.Outcome]int
}

// A littlePage is a page, which is also its transport.
type littlePage struct {
	recorder
	owner    *owner
	received strings.Builder
	hangs    bool
	left     bool
}

func (p *littlePage) Offer(_ *conn.Nonblocking, frame []byte) int {
	if p.hangs {
		return 0
	}
	_ = p.WriteAll(frame)
	return len(frame)
}

func (p *littlePage) WriteAll(frame []byte) error {
	p.received.Write(frame)
	return nil
}

// has reports whether the page has received a message.
func (p *littlePage) has(at envelope.Cursor) bool {
	return strings.Contains(p.received.String(), mark(at))
}

// mark returns what the params of a message have, by which it is found.
func mark(at envelope.Cursor) string { return "(" + at.String() + ")" }

func newLittleModel(t *testing.T) *littleModel {
	t.Helper()
	c := Config{
		MaxTagsPerUser: 3, MaxUsersPerTag: 100,
		WindowAge: 5 * time.Minute, WindowCount: 60, WindowBytes: 64 << 20,
		WatchTTL: watchLife, Grace: 15 * time.Second, Tick: 25 * time.Second,
		Report: func(error) {}, Publish: func([]byte) {}, Notify: func([]Change) {},
	}
	h := New(c, 1500, func(func()) {})
	m := &littleModel{t: t, hub: h, d: NewDispatcher(h, 0), epoch: "log", counts: make(map[explain.Outcome]int)}
	m.write(envelope.Control(envelope.KindBeat, time.Now()))
	m.dispatch()
	return m
}

// watchLife is how long a watch lives in the model: some minutes, as the window.
const watchLife = 2 * time.Minute

// next returns the next order, less than n.
func (m *littleModel) next(n int) int {
	if len(m.orders) == 0 {
		return 0
	}
	b := m.orders[0]
	m.orders = m.orders[1:]
	return int(b) % n
}

func (m *littleModel) follow(orders []byte) {
	for m.orders = orders; len(m.orders) > 0 && !m.t.Failed(); {
		m.step()
		if m.next(10) == 0 {
			m.compare()
		}
	}
}

func (m *littleModel) step() {
	switch m.next(20) {
	case 0, 1, 2, 3:
		m.message()
	case 4:
		m.control(envelope.KindWatch, m.user(), m.position().String(), m.tag())
	case 5:
		m.control([]envelope.Kind{envelope.KindUnwatch, envelope.KindExtend, envelope.KindExtend}[m.next(3)], m.user(), m.tag())
	case 6, 7:
		m.dispatch()
	case 8:
		m.apply()
	case 9, 10:
		m.join()
	case 11:
		m.withPage(func(p *littlePage) { p.hangs = !p.hangs })
	case 12:
		m.withPage(func(p *littlePage) { p.owner.page.Flush() })
	case 13:
		m.withPage(m.leave)
	case 14:
		m.withPage(func(p *littlePage) {
			if m.next(2) == 0 {
				m.hub.WatchPage(&p.owner.page, m.grants())
			} else {
				m.hub.UnwatchPage(&p.owner.page, m.grants())
			}
		})
	case 15:
		m.hub.SendTicks(nil, m.next(TickSlots))
	case 16:
		m.pass()
	case 17:
		for _, raw := range m.slow {
			m.write(raw)
		}
		m.slow = nil
	default:
		m.rarely()
	}
}

// pass lets some time pass.
func (m *littleModel) pass() {
	<-time.After(time.Duration(1+m.next(30)) * time.Second)
	m.hub.Sweep(time.Now())
	m.hub.ServeSessions(time.Now())
	m.hub.SweepPresence(time.Now())
}

// control puts a control message into the log, now or later.
func (m *littleModel) control(kind envelope.Kind, list ...string) {
	m.send(envelope.Control(kind, time.Now(), list...))
}

func (m *littleModel) send(raw []byte) {
	if m.next(6) == 0 {
		m.slow = append(m.slow, raw)
		return
	}
	m.write(raw)
}

// rarely does what ends much.
func (m *littleModel) rarely() {
	switch m.next(7) {
	case 0:
		m.withPage(func(p *littlePage) { p.owner.page.CloseNow(conn.Violation, "malformed frame") })
	case 4:
		m.control(envelope.KindEndSession, littleSession(m.next(3)).String(), "command")
	case 5:
		m.control(envelope.KindDisconnect, m.user(), "command")
	case 6:
		if m.next(4) == 0 {
			m.hub.ForgetWatches(time.Now().Add(time.Minute))
		}
	case 1:
		m.withPage(func(p *littlePage) { p.owner.page.Close() })
	case 2:
		if m.next(4) == 0 { // the log is lost
			m.dispatch()
			m.epoch, m.offset = m.epoch+"1", uint64(m.next(3))
			m.message()
			m.dispatch()
		}
	default:
		if m.next(4) == 0 { // a hole
			m.dispatch()
			m.offset += 3
		}
	}
}

// user, tag, position and grants are drawn by the orders.
func (m *littleModel) user() string { return strconv.Itoa(1 + m.next(2)) }
func (m *littleModel) tag() string  { return string(rune('A' + m.next(2))) }

func (m *littleModel) position() envelope.Cursor {
	at := envelope.Cursor{Epoch: m.epoch, Offset: m.offset - min(m.offset, uint64(m.next(12)))}
	switch m.next(20) {
	case 0:
		at.Epoch = "foreign"
	case 1:
		at.Offset += 20
	case 2:
		at = envelope.Cursor{}
	}
	return at
}

func (m *littleModel) grants() []Presented {
	from := envelope.Cursor{Epoch: m.epoch, Offset: m.offset - min(m.offset, uint64(m.next(6)))}
	id := m.next(3)
	return []Presented{{Grant: grant.Grant{ID: uint64(1 + id), From: from, Tags: []string{string(rune('A' + id%2))}, Renewed: m.next(2) == 0}}}
}

func (m *littleModel) write(raw []byte) {
	m.seq++
	m.offset++
	envelope.Stamp(raw, "somebody", m.seq)
	m.batch = append(m.batch, delivery(m.epoch, m.offset, raw))
}

func (m *littleModel) message() {
	var to event.Target
	switch m.next(6) {
	case 0:
		to = event.Shared()
	case 1:
		to = event.User(m.user())
	case 2:
		to = event.Tag(m.tag()).Except(m.user())
	case 3:
		to = event.Shared().Except(m.user())
	default:
		to = event.Tag(m.tag())
	}
	m.encode(&to)
}

// encode sends an event to a target. Its params have the position that the log gives it.
func (m *littleModel) encode(to *event.Target) {
	e, sender, kind := event.Event{Module: "tasks", Command: "update"}, "", m.next(16)
	here, large := mark(envelope.Cursor{Epoch: m.epoch, Offset: m.offset + 1}), strings.Repeat("x", 100*(kind/12)*m.next(5))
	e.Params = map[string]string{"here": here, "large": large}
	switch {
	case kind < 3:
		e.Key, e.Keep = strconv.Itoa(kind%2), event.Last
	case kind == 3:
		params, _ := protocol.EncodeFragment(&protocol.Fragment{Selector: "#a", Swap: "inner", HTML: here})
		e = event.Render(params, "")
	case kind == 4:
		e.PerUser = map[string]any{m.user(): map[string]string{"own": large}}
	case kind == 5:
		e.TTL = time.Duration(1+m.next(40)) * time.Second
	}
	if (kind == 6 || kind == 0) && len(m.pages) > 0 {
		p := m.pages[m.next(len(m.pages))]
		sender = envelope.SenderName(p.owner.page.Client+[]string{"", "_2"}[m.next(2)], p.owner.page.User)
	}
	if kind == 2 {
		e.TTL = 10 * time.Second
	}
	err := event.Encode(to, &e, sender, 1<<20, func(raw []byte) error {
		m.write(bytes.Clone(raw))
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// apply applies the batch without delivering it.
func (m *littleModel) apply() {
	m.deliver()
	for len(m.batch) > 0 && m.round == nil {
		r, n, broken := m.hub.apply(m.batch)
		if broken {
			m.d.deliver(r)
			r.reset()
			_ = m.hub.restartLog(m.batch[n])
			m.batch = m.batch[n:]
			continue
		}
		m.round, m.batch = r, m.batch[n:]
	}
}

func (m *littleModel) deliver() {
	if m.round != nil {
		m.d.deliver(m.round)
		m.round.reset()
		m.round = nil
	}
}

func (m *littleModel) dispatch() {
	for m.apply(); m.round != nil; m.apply() {
		m.deliver()
	}
}

func (m *littleModel) join() {
	p := new(littlePage)
	user := []string{"1", "1", "2", ""}[m.next(4)]
	p.owner = newOwner(m.hub, user, p)
	m.dress(p)
	p.owner.page.Client = "c" + strconv.Itoa(len(m.pages))
	at := m.position()
	cursor := &at
	if m.next(4) == 0 {
		cursor = nil
	}
	var grants []Presented
	if m.next(3) == 0 {
		grants = m.grants()
	}
	if err := m.hub.JoinWatching(&p.owner.page, cursor, m.hub.Disconnects(), grants, nil); errors.Is(err, ErrSessionOver) {
		m.hub.Leave(&p.owner.page)
		return
	} else if err != nil {
		m.t.Fatal(err)
	}
	m.pages = append(m.pages, p)
}

// dress gives a page one of the transports, and perhaps a session.
func (m *littleModel) dress(p *littlePage) {
	page := &p.owner.page
	switch m.next(8) {
	case 0:
		page.SetOwner(p.owner, protocol.V1)
		page.SetTransport(p)
	case 1:
		page.SetStream(p)
	case 2:
		page.SetOwner(p.owner, protocol.HTMX)
		page.SetStream(p)
	case 3:
		page.SetOwner(p.owner, protocol.Datastar)
		page.SetStream(p)
	}
	if m.next(4) == 0 {
		id := littleSession(m.next(3))
		m.hub.SetLease(page, session.NewLease(id, time.Now().Add(time.Duration(20+m.next(100))*time.Second), time.Now()))
	}
}

// littleSession returns the id of a session.
func littleSession(n int) (id session.ID) {
	id[0] = byte(1 + n)
	return id
}

func (m *littleModel) withPage(do func(*littlePage)) {
	if len(m.pages) == 0 {
		return
	}
	if p := m.pages[m.next(len(m.pages))]; !p.left {
		do(p)
	}
}

func (m *littleModel) leave(p *littlePage) {
	p.left = true
	p.owner.page.Cut()
	m.hub.Leave(&p.owner.page)
}

// settle lets everything arrive, so that nothing is on its way any more.
func (m *littleModel) settle() {
	m.dispatch()
	for range 3 {
		for _, p := range m.pages {
			p.owner.page.Flush()
		}
	}
	m.compare()
	for offset := m.hub.history.First(); offset <= m.hub.history.Last(); offset++ {
		for _, user := range []string{"1", "2", ""} {
			for _, r := range m.explain(user, offset).Sessions {
				if r.Outcome == explain.Waiting {
					m.t.Errorf("%d is waiting for %s after everything has been written: %s", offset, r.Client, r.Detail)
				}
			}
		}
	}
}

func (m *littleModel) explain(user string, offset uint64) explain.Explanation {
	return explain.Explain(m.hub.Facts(user, envelope.Cursor{Offset: offset}))
}

// compare compares what the node explains about each message with what the pages have.
func (m *littleModel) compare() {
	for offset := m.hub.history.First(); offset <= m.hub.history.Last(); offset++ {
		for _, user := range []string{"1", "2", ""} {
			x := m.explain(user, offset)
			for _, r := range x.Sessions {
				m.counts[r.Outcome]++
				m.check(offset, &r)
			}
			if x.Event != nil {
				m.checkVerdict(&x)
			}
		}
	}
}

// checkVerdict compares a verdict with what any page of the user has, except those whose
// connection is open although the hub has let go of it.
func (m *littleModel) checkVerdict(x *explain.Explanation) {
	has := false
	for _, p := range m.pages {
		has = has || p.owner.page.User == x.User && p.has(envelope.Cursor{Epoch: m.hub.epoch, Offset: x.Event.Offset})
	}
	claimed := strings.Contains(x.Verdict, " got the event on this node") || strings.HasPrefix(x.Verdict, "The other tabs")
	denied := strings.Contains(x.Verdict, "did not get the event") || strings.Contains(x.Verdict, "None of")
	if claimed && !has || denied && has {
		m.t.Errorf("%s.%d of %+v for %q: got the verdict %q, received: %t; %+v", m.hub.epoch, x.Event.Offset, *x.Event, x.User, x.Verdict, has, x.Sessions)
	}
}

func (m *littleModel) check(offset uint64, r *explain.Result) {
	n, err := strconv.Atoi(strings.TrimPrefix(r.Client, "c"))
	if err != nil {
		m.t.Fatal(err)
	}
	page := m.pages[n]
	has := page.has(envelope.Cursor{Epoch: m.hub.epoch, Offset: offset})
	wrong := false
	switch r.Outcome {
	case explain.Sent:
		wrong = !has
	case explain.Not, explain.NotFor, explain.Before:
		wrong = has
	case explain.Gap:
		told := strings.Contains(page.received.String(), `"recovered":false`) || strings.Contains(page.received.String(), "pull:gap") || strings.Contains(page.received.String(), "pullGap") || !r.Idle || r.Closing || !r.Ended.IsZero() || m.round != nil
		wrong = has && !r.LiveGap || !told
	case explain.Waiting:
		wrong = has && !r.Behind && r.Idle
	case explain.Perhaps:
	}
	if wrong {
		x := m.explain(r.User, offset)
		m.t.Errorf("%s.%d of %+v, late %d, settled %d, open %t, %+v, at session %s: explained as %q (%s), received: %t; %+v", m.hub.epoch, offset, *x.Event, m.hub.Facts(r.User, x.At).Late, m.hub.settled, m.round != nil, m.hub.Facts(r.User, x.At).Terms, r.Client, r.Outcome, r.Detail, has, r.Session)
	}
}
