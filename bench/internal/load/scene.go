package load

import (
	"encoding/json"
	"io"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// A Scene is connections that come and go while broadcasts arrive.
type Scene struct {
	Options

	Arrive time.Duration // in which all users connect for the first time
	Leave  int           // users who leave each second after that, and return at once
	For    time.Duration // of the whole scene
	First  int64         // number of the first broadcast
}

// Scenery is what a client saw of a scene. It is the second line that the client
// prints; the first is an empty object, when the scene begins.
type Scenery struct {
	Result // quantiles are those after Arrive

	Failed  int      `json:"failed"` // attempts to connect
	Seconds []Second `json:"seconds"`
}

// A Second is what a client saw in one second.
type Second struct {
	Connected  int           `json:"connected"` // at its end
	Bytes      int64         `json:"bytes"`     // after the header of the response
	Deliveries int64         `json:"deliveries"`
	P50        time.Duration `json:"p50"`
	P99        time.Duration `json:"p99"`
}

// sceneDialers is how many connections are opened at a time, even by a server that is
// busy with broadcasts.
const sceneDialers = 32

// A player plays a scene. Dialers connect; everything else is done by one goroutine.
type player struct {
	scene     Scene
	client    *Client
	due       chan int     // users to connect
	joined    chan arrival // results of the dialers
	connected int
	admitted  int // users who were due for the first time
	gone      int // users who have left
	last      Result
	total     histogram // of latencies after Arrive
	seen      Scenery
}

// An arrival is the end of an attempt to connect.
type arrival struct {
	user int
	conn *conn
	err  error
}

// Play plays the scene and prints what it saw. Attempts to connect that are not
// over at the end are abandoned: the process is expected to end.
func Play(s Scene, out io.Writer) error {
	p, err := newPlayer(s)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	answers := json.NewEncoder(out)
	if err := answers.Encode(struct{}{}); err != nil {
		return err
	}
	start := time.Now()
	for second := time.Second; second <= s.For; second += time.Second {
		for time.Since(start) < second {
			if err := p.step(time.Since(start)); err != nil {
				return err
			}
		}
		p.note(second)
	}
	return answers.Encode(p.sum())
}

func newPlayer(s Scene) (*player, error) {
	d, err := dialectOf(s.Dialect, wire.Tags)
	if err != nil {
		return nil, err
	}
	to, err := netip.ParseAddrPort(s.Addr)
	if err != nil {
		return nil, err
	}
	p := &player{
		scene:  s,
		client: &Client{dialect: d, conns: make([]*conn, s.Users), buffer: make([]byte, 1<<18)},
		due:    make(chan int, 2*s.Users),
		joined: make(chan arrival, 2*s.Users),
	}
	p.client.tally.begin(wire.Job{Kind: wire.Broadcast, First: s.First}, nil)
	for range sceneDialers {
		go func() {
			for user := range p.due {
				c := &conn{feed: d.stream()}
				err := c.dial(to, d, user, 0)
				p.joined <- arrival{user, c, err}
			}
		}()
	}
	p.client.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return p, err
}

// step lets users come and go as the time demands, and reads what has arrived.
func (p *player) step(elapsed time.Duration) error {
	for ; p.admitted < p.scheduled(elapsed); p.admitted++ {
		p.due <- p.admitted
	}
	for away := elapsed - p.scene.Arrive; p.gone < int(away.Seconds()*float64(p.scene.Leave)); p.gone++ {
		p.leave(p.gone * 7919 % p.scene.Users)
	}
	for len(p.joined) > 0 {
		if err := p.enter(<-p.joined); err != nil {
			return err
		}
	}
	return p.client.Poll(time.Millisecond)
}

// scheduled returns how many users should have come.
func (p *player) scheduled(elapsed time.Duration) int {
	if elapsed >= p.scene.Arrive {
		return p.scene.Users
	}
	return int(float64(p.scene.Users) * elapsed.Seconds() / p.scene.Arrive.Seconds())
}

// enter reads from a new connection from now on. A user who could not connect tries
// again.
func (p *player) enter(a arrival) error {
	if a.err != nil {
		p.seen.Failed++
		_ = unix.Close(a.conn.fd)
		if p.seen.Failed > p.scene.Users {
			return a.err
		}
		p.due <- a.user
		return nil
	}
	p.connected++
	p.client.conns[a.user] = a.conn
	p.client.tally.result.Bytes += a.conn.greeting
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(a.user)} //nolint:gosec // thousands
	return unix.EpollCtl(p.client.epoll, unix.EPOLL_CTL_ADD, a.conn.fd, &event)
}

// leave disconnects a user, unless it is not connected, and lets it return.
func (p *player) leave(user int) {
	c := p.client.conns[user]
	if c == nil {
		return
	}
	_ = unix.Close(c.fd) // epoll forgets it
	p.client.conns[user] = nil
	p.connected--
	p.due <- user
}

// note ends a second.
func (p *player) note(elapsed time.Duration) {
	t := &p.client.tally
	p.seen.Seconds = append(p.seen.Seconds, Second{
		Connected:  p.connected,
		Bytes:      t.result.Bytes - p.last.Bytes,
		Deliveries: t.result.Deliveries - p.last.Deliveries,
		P50:        time.Duration(t.latency.quantile(0.50)),
		P99:        time.Duration(t.latency.quantile(0.99)),
	})
	p.last = t.result
	if elapsed > p.scene.Arrive {
		p.total.merge(&t.latency)
	}
	t.latency = histogram{}
}

// sum sums up the scene. How much should have arrived is not known, because
// connections come and go.
func (p *player) sum() Scenery {
	p.client.tally.latency = p.total
	p.seen.Result = p.client.tally.end(0)
	p.seen.Expected = p.seen.Deliveries
	return p.seen
}
