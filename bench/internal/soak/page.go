package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// A page is one open page of a user, which loads, connects, and reconnects as the
// protocol demands. run is its only goroutine; the other methods may be called at any
// time.
type page struct {
	server *server
	http   *http.Client
	tally  *tally
	user   string
	path   string
	slow   bool
	events bool          // uses Server-Sent Events
	absent time.Duration // after which a gap is not the server's fault
	lines  []line        // that it has to receive
	ends   func() map[line]int

	client string       // its id
	cursor cursor       // owned by run, like heard
	heard  time.Time    // when the last frame came; zero if the age of the cursor is not known
	until  atomic.Int64 // when it reads again, in nanoseconds since 1970

	mu     sync.Mutex // guards conn and ledger
	conn   net.Conn
	ledger ledger
}

// run is the life of the page, until ctx is done.
func (p *page) run(ctx context.Context) {
	p.client = "soak-" + strconv.FormatUint(rand.Uint64(), 36) //nolint:gosec // not a secret
	for attempt := 0; p.load(ctx) != nil; attempt++ {
		if !wait(ctx, backoff(attempt)) {
			return
		}
	}
	for attempt := 0; ctx.Err() == nil; attempt++ {
		start := time.Now()
		err := p.visit(ctx)
		if ctx.Err() != nil {
			return
		}
		p.tally.ended(err)
		if time.Since(start) > 10*time.Second {
			attempt = 0
		}
		wait(ctx, delay(err, attempt))
	}
}

// load requests the page, for the cursor in its script tag.
func (p *page) load(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.server.url()+p.path, http.NoBody)
	if err != nil {
		return err
	}
	r.Header = p.header()
	response, err := p.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	at := regexp.MustCompile(`data-cursor="([^".]+)\.(\d+)"`).FindSubmatch(text)
	if at == nil {
		return fmt.Errorf("GET %s: %s, no cursor", p.path, response.Status)
	}
	offset, err := strconv.ParseUint(string(at[2]), 10, 64)
	p.cursor, p.heard = cursor{string(at[1]), offset}, time.Now()
	if p.server.isNew() {
		p.heard = time.Time{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.expect(p.ends(), p.lines...)
	return err
}

func (p *page) header() http.Header {
	return http.Header{"Cookie": {"name=" + p.user}, "Accept": {"text/html"}}
}

// visit connects once and reads until the connection ends.
func (p *page) visit(ctx context.Context) error {
	query := url.Values{"protocol": {"2"}, "client": {p.client}, "cursor": {p.cursor.String()}}
	address := p.server.url() + "/pull?" + query.Encode()
	var s stream
	var err error
	if p.events {
		s, err = openEvents(ctx, p.dial, address, p.header())
	} else {
		s, err = openSocket(ctx, p.dial, address, p.header())
	}
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, s.leave)()
	defer p.cut()
	p.tally.connected.Add(1)
	defer p.tally.connected.Add(-1)
	var now hello
	for {
		for pause := time.Until(time.Unix(0, p.until.Load())); pause > 0 && wait(ctx, pause); {
			pause = time.Until(time.Unix(0, p.until.Load()))
		}
		text, err := s.next()
		if err != nil {
			return err
		}
		if err := p.take(text, &now); err != nil {
			return err
		}
		p.heard = time.Now()
	}
}

// take handles a frame.
func (p *page) take(text []byte, now *hello) error {
	var frame []message
	if err := json.Unmarshal(text, &frame); err != nil {
		p.tally.wrong(fmt.Errorf("a frame of %s: %w", p.user, err))
		return err
	}
	for _, m := range frame {
		var err error
		switch {
		case !m.Control:
			p.receive(m, now)
		case m.Name == "pull:hello":
			if err = json.Unmarshal(m.Params, now); err == nil {
				p.greet(*now)
			}
		case m.Name == "pull:tick":
			err = p.tick(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// greet handles a hello. A page always has a cursor, so a hello that has not
// recovered it is a gap, unless the page was away for too long.
func (p *page) greet(h hello) {
	p.tally.hellos.Add(1)
	if h.Recovered {
		p.tally.recovered.Add(1)
		return
	}
	if away := time.Since(p.heard); away > p.absent {
		p.tally.late.Add(1)
	} else {
		p.tally.gap(fmt.Sprintf("%s at %s after %v, the log at %s.%d", p.user, p.cursor, away, h.Epoch, h.Offset))
	}
	p.cursor = cursor{h.Epoch, h.Offset}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.gap()
}

func (p *page) tick(m message) error {
	var t tick
	err := json.Unmarshal(m.Params, &t)
	if t.Epoch == "" || t.Epoch == p.cursor.epoch {
		p.cursor.offset = max(p.cursor.offset, t.Offset)
	}
	return err
}

// receive handles an event, unless the page has seen it.
func (p *page) receive(m message, now *hello) {
	if m.Offset <= p.cursor.offset {
		p.tally.repeated.Add(1)
		return
	}
	p.cursor.offset = m.Offset
	p.tally.events.Add(1)
	var params struct{ Text, Title string }
	if m.Name != "im:message" && m.Name != "tasks:save" || json.Unmarshal(m.Params, &params) != nil {
		return
	}
	a, ok := parseLetter(params.Text + params.Title)
	if !ok {
		return
	}
	if m.Offset > now.Offset && !p.slow && m.Name == "im:message" {
		p.tally.lag.add(time.Since(a.sent))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.ledger.receive(a)
	var missing *hole
	if errors.As(err, &missing) && p.tally.lost(*missing) == 0 {
		return
	}
	if err != nil {
		p.tally.wrong(fmt.Errorf("a page of %s: %w", p.user, err))
	}
}

// pause keeps the page from reading for a while.
func (p *page) pause(d time.Duration) { p.until.Store(time.Now().Add(d).UnixNano()) }

// lacks returns how many letters up to the last ones have not arrived yet.
func (p *page) lacks(ends map[line]int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	lacks := 0
	for _, h := range p.ledger.missing(ends) {
		lacks += p.tally.lost(h)
	}
	return lacks
}

// delay returns how long the page waits before it reconnects.
func delay(err error, attempt int) time.Duration {
	var refusal *refusal
	switch {
	case websocket.IsCloseError(err, 1001, 1012) || err != nil && strings.Contains(err.Error(), `"code":1012`):
		return random(5 * time.Second)
	case websocket.IsCloseError(err, 4001):
		return random(500 * time.Millisecond)
	case errors.As(err, &refusal):
		return max(refusal.after, backoff(attempt))
	default:
		return backoff(attempt)
	}
}

func backoff(attempt int) time.Duration {
	return random(min(30*time.Second, 500*time.Millisecond<<min(attempt, 10)))
}

// random returns a duration between 0 and most.
func random(most time.Duration) time.Duration {
	return rand.N(most + 1) //nolint:gosec // spreads pages, keeps no secret
}

// wait waits for d, or returns false because ctx is done.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
