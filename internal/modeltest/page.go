package modeltest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A page is a page and what it has received.
type page struct {
	world        *World
	number       int
	user, client string
	session      string // the id of its login
	logins       int
	loggedOut    bool // the session was ended; the page has not noticed that yet
	chance       *rand.Rand
	version      int    // of the protocol
	events       bool   // uses Server-Sent Events
	html         string // the dialect of the html stream that it uses instead; "" for none
	native       bool   // uses the Last-Event-ID of a browser as its cursor
	deflates     bool   // offers compression
	done         atomic.Bool
	say          func(string) // sends over the WebSocket; nil on a stream

	mu       sync.Mutex // guards the fields below
	epoch    string
	position uint64
	lastID   string // the last SSE id
	parts    []*part
	told     int // gap notifications
	within   int // those of them that left the epoch as it was
	doing    string

	watches   []*pageWatch // of the page itself
	unsure    []*pageWatch // those of which it is not known where they begin
	greeted   bool         // the page has received hello since it was loaded
	recovered bool         // the first hello of the connection said so

	voice voice
}

// A part is what a page received between two gaps.
type part struct {
	epoch      string
	from, upTo uint64
	rendered   []rendered
	excused    bool // a grant came too late for the page, which was notified
	ended      bool // by a gap, or because the page was loaded again
	spans      []*span
	connected  []uint64 // the positions at which the page has connected
	got        []uint64
	numbers    []uint64
	heard      []heard
	sessions   []string // in which session it got them
}

// rendered is the request that a page comes from: what it has granted, and from
// where on.
type rendered struct {
	tag    string
	cursor uint64
}

// live reconnects until the page has received the end.
func (p *page) live() {
	defer p.done.Store(true)
	for {
		n := p.world.node(p.chance)
		p.do("connecting")
		if p.session == "" || p.loggedOut {
			p.logIn()
		}
		ended, err := p.connect(n)
		if ended || p.world.over.Load() {
			return
		}
		if err != nil {
			<-time.After(time.Duration(1+p.chance.IntN(20)) * time.Millisecond)
		}
	}
}

// restless reports whether a page that does so once in n times does so now.
func (p *page) restless(n int) bool {
	return p.chance.IntN(n) == 0 && !p.world.Calm && !p.world.calm.Load()
}

// render reloads the page: it starts from the cursor in a response.
func (p *page) render(n *Node) error {
	tag := ""
	if p.user != "" && !p.world.Calm && p.chance.IntN(2) == 0 {
		tag = p.world.Mix.tag(p.chance)
	}
	own := ""
	if !p.world.Calm && p.chance.IntN(2) == 0 {
		own = p.world.Mix.tag(p.chance)
	}
	grant, epoch, offset, err := p.ask(n, "watch="+tag+"&grant="+own)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()

	p.epoch, p.position = epoch, offset
	p.lastID = epoch + "." + strconv.FormatUint(offset, 10)
	p.watches, p.unsure, p.greeted = nil, nil, false
	p.beginPart()
	if tag != "" {
		p.part().rendered = append(p.part().rendered, rendered{tag, p.position})
	}
	if own != "" {
		p.begin(p.addWatch(own, grant, epoch, offset))
	}
	return nil
}

// connect runs one connection and reports whether the page has received the end.
func (p *page) connect(n *Node) (ended bool, err error) {
	if p.epoch == "" && p.chance.IntN(2) == 0 || p.restless(15) {
		if err := p.render(n); err != nil {
			return false, err
		}
	}
	cursor := ""
	if p.epoch != "" {
		cursor = p.epoch + "." + strconv.FormatUint(p.position, 10)
	}
	frames, closer, err := p.dial(n, cursor)
	if err != nil {
		return false, err
	}
	defer closer()
	p.voice.connection++
	stay := p.chance.IntN(400)
	if p.chance.IntN(3) == 0 || p.world.Calm {
		stay = 1 << 40
	}
	return p.readAll(n, frames, cursor, stay)
}

// readAll reads that many frames of a connection, or more if nothing breaks any
// more, until the page has received the end.
func (p *page) readAll(n *Node, frames frames, cursor string, stay int) (ended bool, err error) {
	first := true
	for count := 0; ; count++ {
		if count >= stay && !p.world.calm.Load() {
			return false, nil // the connection breaks
		}
		p.dawdle()
		p.talk(n)
		p.do("reading")
		id, frame, err := frames()
		if err != nil {
			return false, err
		}
		p.read(frame, cursor, &first)
		if p.world.over.Load() || p.atEnd() {
			return true, nil
		}
		p.changeMind(n)
		if !p.logOut(n) {
			return false, nil
		}
		if id != "" {
			p.lastID = id
		}
		if p.events {
			p.checkID(id)
		}
	}
}

// dawdle sometimes keeps a page from reading, and sometimes sends something.
func (p *page) dawdle() {
	if p.restless(100) {
		p.do("not reading")
		<-time.After(time.Duration(p.chance.IntN(300)) * time.Millisecond)
	}
	if p.say != nil && p.chance.IntN(200) == 0 {
		p.say(`{"extend":["T0","T1"],"seen":["1"]}`)
	}
}

// atEnd reports whether the page has the whole log.
func (p *page) atEnd() bool { return p.world.finished.Load() && p.hasEnd() }

// hasEnd reports whether the page has the last event that ends the test.
func (p *page) hasEnd() bool {
	end := p.world.log.end(int(p.world.ends.Load()))
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.world.calm.Load() && end != nil && p.epoch == end.epoch && p.position >= end.offset
}

// beginPart begins another part, at the position of the page.
func (p *page) beginPart() {
	if len(p.parts) > 0 {
		p.part().ended = true
	}
	p.parts = append(p.parts, &part{epoch: p.epoch, from: p.position, upTo: p.position})
}

func (p *page) part() *part { return p.parts[len(p.parts)-1] }

func (p *page) do(what string) {
	p.mu.Lock()
	p.doing = what
	p.mu.Unlock()
}

func (p *page) state() string {
	p.mu.Lock()
	defer p.mu.Unlock()

	return fmt.Sprintf("%s at %s.%d, %d gaps", p.doing, p.epoch, p.position, p.told)
}

func (p *page) String() string {
	return fmt.Sprintf("page %d of user %q over %s (version %d, native %t, html %q)", p.number, p.user, map[bool]string{true: "SSE", false: "WebSocket"}[p.events], p.version, p.native, p.html)
}
