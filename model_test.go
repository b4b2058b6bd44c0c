package pull_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/memnet"
)

var (
	modelSeed = flag.Uint64("seed", 0, "seed of the model test; or PULL_SEED. Default: another one each time")
	modelLong = flag.Duration("model.long", 2*time.Second, "how long each world of the model test lives")
)

// TestModel has pages of many users live through restarts, crashes, cuts and
// broken connections while events are published at full speed. Afterwards what
// each page saw is compared with what lies in the log: exactly once, in order,
// or a gap that the page was told of.
func TestModel(t *testing.T) {
	seed := *modelSeed
	if s, err := strconv.ParseUint(os.Getenv("PULL_SEED"), 10, 64); err == nil {
		seed = s
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	for _, w := range []*world{
		{name: "memory", network: "memory", crowd: 40},
		{name: "TCP", network: "tcp", crowd: 40},
		{name: "TLS", network: "tls", crowd: 40},
		{name: "crowd", network: "tcp", crowd: 200}, // so many that the dispatcher shares its work
		{name: "cluster", network: "tcp", crowd: 40, nodes: 2},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Logf("replay with -run 'TestModel/%s' -seed %d", w.name, seed)
			w.seed = seed
			w.live(t)
		})
	}
}

// A world is an application on one node that is restarted and crashes, or on
// several that share a broker with faults.
type world struct {
	name, network string
	nodes         int // 0: one, with the embedded broker and a state file
	crowd         int // pages
	seed          uint64

	t       *testing.T
	file    string
	faults  *faults
	log     modelLog
	pages   []*modelPage
	number  atomic.Uint64 // of the last event
	sent    sync.Map      // event number → true: the application was told that it is in the log
	current [2]atomic.Pointer[modelNode]
	quiet   atomic.Bool   // nothing breaks any more
	over    atomic.Bool   // the test has failed: nobody waits any more
	end     atomic.Uint64 // offset of the event after which there is none
}

const (
	modelUsers = 12
	modelTags  = 5
)

func (w *world) live(t *testing.T) {
	w.t, w.file = t, filepath.Join(t.TempDir(), "state")
	w.log.epochs = make(map[string]map[uint64]modelEntry)
	if w.nodes > 0 {
		w.faults = newFaults()
	}
	for i := range max(1, w.nodes) {
		w.current[i].Store(w.open(i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), *modelLong)
	defer cancel()
	var busy, readers sync.WaitGroup
	for i := range w.crowd {
		p := &modelPage{
			world: w, number: i, chance: w.chance(1000 + i), events: i%4 == 3, native: i%8 == 7,
			user: strconv.Itoa(i % modelUsers), client: "page-" + strconv.Itoa(i),
		}
		if i == w.crowd-1 {
			p.user = ""
		}
		w.pages = append(w.pages, p)
		readers.Go(p.live)
	}
	for i := range 4 {
		busy.Go(func() { w.publish(ctx, w.chance(i)) })
	}
	busy.Go(func() { w.watch(ctx, w.chance(10)) })
	w.breakThings(ctx, w.chance(20))
	busy.Wait()
	w.quiet.Store(true)
	w.finish()
	patience := time.AfterFunc(60*time.Second, func() {
		for _, p := range w.pages {
			if !p.done.Load() {
				t.Errorf("%s: has not reached the end at %d: %s", p, w.end.Load(), p.state())
			}
		}
		w.over.Store(true)
	})
	readers.Wait()
	patience.Stop()
	for i := range max(1, w.nodes) {
		w.close(w.current[i].Load(), false)
	}
	w.compare()
}

func (w *world) chance(i int) *rand.Rand { return rand.New(rand.NewPCG(w.seed, uint64(i))) }

// A modelNode is one life of the application.
type modelNode struct {
	*pull.Plugin
	number int
	server *http.Server
	served chan error
	dial   func(context.Context, string, string) (net.Conn, error)
	client *http.Client
	scheme string
	record context.CancelFunc
	caught chan struct{} // closed when the log was read to the end
	mark   string        // of that end
}

func (w *world) open(number int) *modelNode {
	config := pull.Config{
		User:   func(c echo.Context) (string, error) { return c.Request().Header.Get(userHeader), nil },
		Guests: true, EventBytes: 24 << 10, QueueBytes: 64 << 10, Tick: 200 * time.Millisecond,
		PresenceGrace: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	}
	if w.faults != nil {
		config.Broker = w.faults
	} else {
		config.StateFile = w.file
	}
	p, err := pull.New(config)
	if err != nil {
		w.t.Fatalf("New: %v", err)
	}
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		w.t.Fatal(err)
	}
	n := &modelNode{Plugin: p, number: number, served: make(chan error, 1), scheme: "http", mark: strconv.FormatUint(w.number.Add(1), 10)}
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	e.POST("/send", pull.Handler(w.send))
	e.GET("/page", pull.Handler(func(c pull.Context) error {
		if tag := c.QueryParam("watch"); tag != "" {
			if err := c.Pull().Watch(tag); err != nil {
				return err
			}
		}
		return c.String(http.StatusOK, c.Pull().Cursor())
	}))
	n.server = &http.Server{Handler: e, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	w.listen(n)
	w.follow(n)
	return n
}

func (w *world) listen(n *modelNode) {
	if w.network == "memory" {
		l := memnet.Listen()
		n.dial = l.Dial
		n.client = &http.Client{Transport: &http.Transport{DialContext: n.dial, DisableKeepAlives: true}}
		go func() { n.served <- n.server.Serve(l) }()
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	var insecure *tls.Config
	if l = (smallBuffers{l}); w.network == "tls" {
		s := httptest.NewUnstartedServer(nil) // for its certificate
		s.StartTLS()
		certificate := s.TLS.Certificates
		s.Close()
		l = tls.NewListener(l, &tls.Config{Certificates: certificate, MinVersion: tls.VersionTLS12})
		insecure = &tls.Config{InsecureSkipVerify: true}
		n.scheme = "https"
	}
	n.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, l.Addr().String())
		if err == nil {
			_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		}
		return conn, err
	}
	n.client = &http.Client{Transport: &http.Transport{DialContext: n.dial, DisableKeepAlives: true, TLSClientConfig: insecure}}
	go func() { n.served <- n.server.Serve(l) }()
}

// smallBuffers make a socket take a part of a frame more often.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		_ = conn.(*net.TCPConn).SetWriteBuffer(32 << 10)
	}
	return conn, err
}

// close ends a node: as planned, or so that nothing of it is left.
func (w *world) close(n *modelNode, crash bool) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if crash {
		cancel()
		_ = n.server.Close()
		_ = n.Shutdown(ctx)
		_ = os.Remove(w.file)
	} else {
		if err := n.server.Shutdown(ctx); err != nil {
			w.t.Errorf("shutdown of the server: %v", err)
		}
		if err := n.Shutdown(ctx); err != nil {
			w.t.Errorf("shutdown of the plugin: %v", err)
		}
	}
	<-n.served
	if took := time.Since(began); took > 15*time.Second {
		w.t.Errorf("shutdown took %s", took)
	}
	n.client.CloseIdleConnections()
	_ = n.Log().Publish(context.Background(), []byte(sentinel+n.mark))
	<-n.caught
	n.record()
}

func (w *world) node(r *rand.Rand) *modelNode { return w.current[r.IntN(max(1, w.nodes))].Load() }

// breakThings restarts, crashes and disturbs until ctx ends.
func (w *world) breakThings(ctx context.Context, r *rand.Rand) {
	for {
		select {
		case <-time.After(time.Duration(100+r.IntN(500)) * time.Millisecond * time.Duration(max(1, w.nodes))):
		case <-ctx.Done():
			return
		}
		n := w.node(r)
		switch {
		case w.faults == nil:
			w.close(n, r.IntN(4) == 0)
			w.current[0].Store(w.open(0))
		case r.IntN(3) == 0:
			w.close(n, false)
			w.current[n.number].Store(w.open(n.number))
		case r.IntN(2) == 0:
			w.faults.set(func(f *faults) { f.acks = 1 + r.IntN(2) })
		default:
			w.faults.interrupt()
		}
	}
}

// finish sends what tells every page that it has seen everything.
func (w *world) finish() {
	for {
		err := w.node(w.chance(30)).Send(context.Background(), pull.Shared(), event("end", modelParams{Number: w.number.Add(1), To: []modelTerm{{Shared: true}}}))
		if err == nil {
			return
		}
		w.t.Logf("end: %v", err)
	}
}

// A modelTerm is what the application meant, in the event's own params.
type modelTerm struct {
	Shared bool     `json:"s,omitempty"`
	Users  []string `json:"u,omitempty"`
	Tags   []string `json:"t,omitempty"`
	Except []string `json:"x,omitempty"`
}

type modelParams struct {
	Number uint64      `json:"n"`
	To     []modelTerm `json:"to"`
	Sender string      `json:"sender,omitempty"`
	Pad    string      `json:"pad,omitempty"`
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

// publish sends events through requests and beside them, in bursts.
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

func nobody(e pull.Event) bool {
	return !slices.ContainsFunc(e.Params.(modelParams).To, func(t modelTerm) bool { //nolint:forcetypeassert // made here
		return t.Shared || len(t.Users) > 0 || len(t.Tags) > 0
	})
}

func (w *world) post(n *modelNode, r *rand.Rand) {
	request, _ := http.NewRequestWithContext(context.Background(), http.MethodPost,
		n.scheme+"://app.test/send?seed="+strconv.FormatUint(r.Uint64(), 10), nil)
	request.Header.Set(pull.HeaderClient, "page-"+strconv.Itoa(r.IntN(w.crowd)))
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

// A modelLog is everything that brokers have delivered.
type modelLog struct {
	mu     sync.Mutex // guards epochs
	epochs map[string]map[uint64]modelEntry
}

// A modelEntry is a message as read without the plugin's code.
type modelEntry struct {
	name    string // of node and number: a message that is there twice counts once
	kind    byte
	list    []string
	params  modelParams
	command string
}

const sentinel = "sentinel "

// follow records the log of a node's broker.
func (w *world) follow(n *modelNode) {
	ctx, cancel := context.WithCancel(context.Background())
	n.record, n.caught = cancel, make(chan struct{})
	caught := sync.OnceFunc(func() { close(n.caught) })
	go func() {
		for ctx.Err() == nil {
			_ = n.Log().Subscribe(ctx, time.Hour, func(epoch string, offset uint64, raw []byte) {
				if bytes.HasPrefix(raw, []byte(sentinel)) {
					if string(raw[len(sentinel):]) == n.mark {
						caught()
					}
					return
				}
				e := parseEntry(raw)
				w.log.add(w.t, epoch, offset, e)
				if e.command == "end" {
					w.end.CompareAndSwap(0, offset)
				}
			})
		}
	}()
}

func (l *modelLog) add(t *testing.T, epoch string, offset uint64, e modelEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.epochs[epoch] == nil {
		l.epochs[epoch] = make(map[uint64]modelEntry)
	}
	if old, has := l.epochs[epoch][offset]; has && (old.name != e.name || old.params.Number != e.params.Number) {
		t.Errorf("%s.%d was %+v and is %+v", epoch, offset, old, e)
	}
	l.epochs[epoch][offset] = e
}

func parseEntry(raw []byte) modelEntry {
	e := modelEntry{kind: raw[1], name: string(raw[2:18])}
	if e.kind == 1 {
		var m struct {
			Command string      `json:"command"`
			Params  modelParams `json:"params"`
		}
		body := append([]byte("{"), raw[bytes.Index(raw, []byte(`"module_id":"tasks"`)):]...)
		if err := json.Unmarshal(body, &m); err != nil {
			panic(fmt.Sprintf("%v: %s", err, body))
		}
		e.params, e.command = m.Params, m.Command
		return e
	}
	rest := raw[26:]
	next := func() uint64 {
		n, size := binary.Uvarint(rest)
		rest = rest[size:]
		return n
	}
	for range next() {
		n := next()
		e.list = append(e.list, string(rest[:n]))
		rest = rest[n:]
	}
	return e
}

// A modelPage is a page and what it has seen.
type modelPage struct {
	world        *world
	number       int
	user, client string
	chance       *rand.Rand
	events       bool // it uses Server-Sent Events
	native       bool // … and what a browser remembers of them as its cursor
	done         atomic.Bool
	say          func(string) // over the WebSocket

	mu       sync.Mutex // guards what follows
	epoch    string
	position uint64
	lastID   string // of SSE
	parts    []*modelPart
	told     int // gaps
	doing    string
}

// A modelPart is what a page saw between two gaps.
type modelPart struct {
	epoch      string
	from, upTo uint64
	rendered   []uint64 // cursors of requests that granted a watch
	excused    bool     // a grant came too late for the page, which was told
	got        []uint64
	numbers    []uint64
}

func (p *modelPage) String() string {
	return fmt.Sprintf("page %d of user %q over %s (native %t)", p.number, p.user, map[bool]string{true: "SSE", false: "WebSocket"}[p.events], p.native)
}

func (p *modelPage) state() string {
	p.mu.Lock()
	defer p.mu.Unlock()

	return fmt.Sprintf("%s at %s.%d, %d gaps", p.doing, p.epoch, p.position, p.told)
}

func (p *modelPage) do(what string) {
	p.mu.Lock()
	p.doing = what
	p.mu.Unlock()
}

// live connects again and again until the page has seen the end.
func (p *modelPage) live() {
	defer p.done.Store(true)
	for {
		n := p.world.node(p.chance)
		p.do("connecting")
		ended, err := p.connect(n)
		if ended || p.world.over.Load() {
			return
		}
		if err != nil {
			<-time.After(time.Duration(1+p.chance.IntN(20)) * time.Millisecond)
		}
	}
}

// render has the page reloaded: it starts from a cursor in a response.
func (p *modelPage) render(n *modelNode) error {
	tag := ""
	if p.user != "" && p.chance.IntN(2) == 0 {
		tag = "T" + strconv.Itoa(p.chance.IntN(modelTags))
	}
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, n.scheme+"://app.test/page?watch="+tag, nil)
	r.Header.Set(userHeader, p.user)
	response, err := n.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return errors.Join(err, errors.New("no page"))
	}
	epoch, digits, _ := strings.Cut(string(body), ".")
	p.epoch, p.lastID = epoch, string(body)
	p.position, _ = strconv.ParseUint(digits, 10, 64)
	p.parts = append(p.parts, &modelPart{epoch: p.epoch, from: p.position, upTo: p.position})
	if tag != "" {
		p.part().rendered = append(p.part().rendered, p.position)
	}
	return nil
}

func (p *modelPage) part() *modelPart { return p.parts[len(p.parts)-1] }

// connect lives through one connection, and tells whether the end was seen.
func (p *modelPage) connect(n *modelNode) (ended bool, err error) {
	if p.epoch == "" && p.chance.IntN(2) == 0 || p.chance.IntN(15) == 0 && !p.world.quiet.Load() {
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
	first := true
	stay := p.chance.IntN(400)
	if p.chance.IntN(3) == 0 {
		stay = 1_000_000
	}
	for count := 0; ; count++ {
		if count == stay && !p.world.quiet.Load() {
			return false, nil // the network breaks
		}
		if p.chance.IntN(100) == 0 && !p.world.quiet.Load() {
			p.do("not reading")
			<-time.After(time.Duration(p.chance.IntN(300)) * time.Millisecond)
		}
		if p.say != nil && p.chance.IntN(200) == 0 {
			p.say(`{"extend":["T0","T1"],"seen":["1"]}`)
		}
		p.do("reading")
		id, frame, err := frames()
		if err != nil {
			return false, err
		}
		p.read(frame, cursor, &first)
		if p.world.over.Load() || p.atEnd() {
			return true, nil
		}
		if id != "" {
			p.lastID = id
		}
		if p.events {
			p.checkID(id)
		}
	}
}

// checkID holds what a browser would come back with to what the page has seen.
func (p *modelPage) checkID(id string) {
	if now := p.epoch + "." + strconv.FormatUint(p.position, 10); p.lastID != now {
		p.world.t.Errorf("%s: Last-Event-ID would be %q (this frame's is %q), want %q", p, p.lastID, id, now)
	}
}

// read takes a frame in, as the protocol says.
func (p *modelPage) read(frame []byte, cursor string, first *bool) {
	var messages []message
	if err := json.Unmarshal(frame, &messages); err != nil {
		p.world.t.Errorf("%s: %v in frame %.300s", p, err, frame)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range messages {
		if *first != (m.Module == "pull" && m.Command == "hello") && *first {
			p.world.t.Errorf("%s: first message is %+v", p, m)
		}
		switch {
		case m.Module == "pull" && m.Command == "hello":
			p.hello(m, cursor, *first)
			*first = false
		case m.Module == "pull" && m.Command == "tick":
			offset, _ := m.Params["offset"].(float64)
			p.position = max(p.position, uint64(offset))
			p.part().upTo = p.position
		case m.ID > 0:
			number, _ := m.Params["n"].(float64)
			if m.ID <= p.position {
				p.world.t.Errorf("%s: message %d (number %v) came when the page was at %s.%d", p, m.ID, number, p.epoch, p.position)
				continue
			}
			p.position = m.ID
			part := p.part()
			part.upTo = m.ID
			part.got, part.numbers = append(part.got, m.ID), append(part.numbers, uint64(number))
		}
	}
}

// atEnd tells whether the page knows the whole log.
func (p *modelPage) atEnd() bool {
	end := p.world.end.Load()
	return p.world.quiet.Load() && end > 0 && p.position >= end
}

func (p *modelPage) hello(m message, cursor string, first bool) {
	epoch, _ := m.Params["epoch"].(string)
	offset, _ := m.Params["offset"].(float64)
	if recovered, _ := m.Params["recovered"].(bool); recovered {
		if !first || epoch != p.epoch || cursor == "" {
			p.world.t.Errorf("%s: recovered %v from %q (first %t)", p, m.Params, cursor, first)
		}
		return
	}
	if cursor != "" || !first {
		p.told++
		// On one node the window holds all of it. A late grant tells in the middle.
		if epoch == p.epoch && first && p.world.faults == nil {
			p.world.t.Errorf("%s: gap at %d in epoch %s, where it was at %d (connected with %q, first message %t)", p, uint64(offset), epoch, p.position, cursor, first)
		}
	}
	if !first {
		p.part().excused = true
	}
	p.epoch, p.position = epoch, uint64(offset)
	p.parts = append(p.parts, &modelPart{epoch: epoch, from: p.position, upTo: p.position})
}

func (p *modelPage) dial(n *modelNode, cursor string) (frames func() (string, []byte, error), closer func(), err error) {
	query := "?client=" + p.client
	header := http.Header{userHeader: {p.user}}
	switch {
	case cursor == "":
	case p.native && p.lastID != "":
		header.Set("Last-Event-ID", p.lastID)
	default:
		query += "&cursor=" + cursor
	}
	if p.events {
		return p.stream(n, query, header)
	}
	d := websocket.Dialer{NetDialContext: n.dial, HandshakeTimeout: 10 * time.Second}
	if t, _ := n.client.Transport.(*http.Transport); t.TLSClientConfig != nil {
		d.TLSClientConfig = t.TLSClientConfig.Clone()
	}
	conn, response, err := d.Dial(strings.Replace(n.scheme, "http", "ws", 1)+"://app.test/pull"+query, header)
	if err != nil {
		if response != nil {
			_ = response.Body.Close()
		}
		return nil, nil, err
	}
	closer = func() { _ = conn.Close() }
	p.say = func(frame string) { _ = conn.WriteMessage(websocket.TextMessage, []byte(frame)) }
	frames = func() (string, []byte, error) {
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, frame, err := conn.ReadMessage()
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			p.world.t.Errorf("%s: nothing came for 20 s, not even a tick", p)
		}
		return "", frame, err
	}
	return frames, closer, nil
}

func (p *modelPage) stream(n *modelNode, query string, header http.Header) (func() (string, []byte, error), func(), error) {
	ctx, cancel := context.WithCancel(context.Background())
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, n.scheme+"://app.test/pull"+query, nil)
	r.Header = header
	r.Header.Set("Accept", "text/event-stream")
	response, err := n.client.Do(r)
	if err == nil && response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		err = errors.New(response.Status)
	}
	if err != nil {
		cancel()
		return nil, nil, err
	}
	lines := bufio.NewReader(response.Body)
	return func() (string, []byte, error) { return readEvent(lines) }, func() { cancel(); _ = response.Body.Close() }, nil
}

// readEvent returns the next event of a stream as an EventSource does.
func readEvent(lines *bufio.Reader) (id string, data []byte, err error) {
	for name := ""; ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = []byte(value)
		case "":
			if line != "\n" || data == nil {
				continue // a comment, or the end of one
			}
			if name == "close" {
				return id, nil, fmt.Errorf("closed: %s", data)
			}
			return id, data, nil
		}
	}
}

// A modelWatch is when a user heard a tag: after since, and before until. A page
// that was here before granted may have been too far already for what came
// between since and it.
type modelWatch struct{ since, granted, until uint64 }

// compare holds what the pages saw to the log.
func (w *world) compare() {
	numbers := make(map[uint64]bool)
	var total, gaps, got int
	for epoch, entries := range w.log.epochs {
		m := newModel(w.t, epoch, entries)
		for _, e := range m.events {
			numbers[m.entries[e].params.Number] = true
		}
		total += len(m.events)
		for _, p := range w.pages {
			for _, part := range p.parts {
				if part.epoch == epoch {
					m.check(p, part)
				}
			}
		}
	}
	for _, p := range w.pages {
		gaps += p.told
		for _, part := range p.parts {
			got += len(part.got)
		}
	}
	w.sent.Range(func(number, _ any) bool {
		if n, _ := number.(uint64); !numbers[n] {
			w.t.Errorf("Send of event %d returned nil, but the log does not hold it", n)
		}
		return true
	})
	w.t.Logf("%d events in %d epochs, %d seen by %d pages, %d gaps", total, len(w.log.epochs), got, len(w.pages), gaps)
	if got == 0 {
		w.t.Error("no page has seen anything")
	}
}

// A model is what a log says that pages should see.
type model struct {
	t       *testing.T
	epoch   string
	entries map[uint64]modelEntry
	events  []uint64 // offsets, ascending, each message once
	watches map[[2]string][]*modelWatch
}

func newModel(t *testing.T, epoch string, entries map[uint64]modelEntry) *model {
	m := &model{t: t, epoch: epoch, entries: entries, watches: make(map[[2]string][]*modelWatch)}
	offsets := make([]uint64, 0, len(entries))
	for offset := range entries {
		offsets = append(offsets, offset)
	}
	slices.Sort(offsets)
	for i := 1; i < len(offsets); i++ { // sentinels are not recorded
		if offsets[i] > offsets[i-1]+10 {
			t.Errorf("hole in the recorded log %s between %d and %d", epoch, offsets[i-1], offsets[i])
		}
	}
	known := make(map[string]bool)
	for _, offset := range offsets {
		e := entries[offset]
		if known[e.name] {
			continue
		}
		known[e.name] = true
		m.take(offset, &e)
	}
	return m
}

func (m *model) take(offset uint64, e *modelEntry) {
	switch e.kind {
	case 1:
		m.events = append(m.events, offset)
	case 2: // watch: user, cursor, tags
		since := offset
		if epoch, digits, _ := strings.Cut(e.list[1], "."); epoch == m.epoch {
			from, _ := strconv.ParseUint(digits, 10, 64)
			since = min(since, from)
		}
		for _, tag := range e.list[2:] {
			key := [2]string{e.list[0], tag}
			if list := m.watches[key]; len(list) == 0 || list[len(list)-1].until > 0 {
				m.watches[key] = append(list, &modelWatch{since: since, granted: offset})
			}
		}
	case 4: // unwatch: user, tags
		for _, tag := range e.list[1:] {
			list := m.watches[[2]string{e.list[0], tag}]
			if n := len(list); n > 0 && list[n-1].until == 0 {
				list[n-1].until = offset
			}
		}
	}
}

// A verdict says whether a page has to see a message.
type verdict int

const (
	never verdict = iota
	perhaps
	always
)

func (m *model) verdict(p *modelPage, part *modelPart, offset uint64) verdict {
	params := m.entries[offset].params
	if params.Sender == p.client {
		return never
	}
	best := never
	for _, t := range params.To {
		if p.user != "" && slices.Contains(t.Except, p.user) {
			continue
		}
		if t.Shared || p.user != "" && slices.Contains(t.Users, p.user) {
			return always
		}
		for _, tag := range t.Tags {
			for _, watch := range m.watches[[2]string{p.user, tag}] {
				best = max(best, watch.verdict(part, offset))
			}
		}
	}
	return best
}

func (w *modelWatch) verdict(part *modelPart, offset uint64) verdict {
	switch {
	case offset <= w.since || w.until > 0 && offset >= w.until:
		return never
	case offset > w.granted || slices.Contains(part.rendered, w.since) && !part.excused:
		return always
	}
	return perhaps
}

func (m *model) check(p *modelPage, part *modelPart) {
	got := make(map[uint64]uint64, len(part.got))
	for i, offset := range part.got {
		got[offset] = part.numbers[i]
	}
	from, _ := slices.BinarySearch(m.events, part.from+1)
	for _, offset := range m.events[from:] {
		if offset > part.upTo {
			break
		}
		number, seen := got[offset]
		delete(got, offset)
		v := m.verdict(p, part, offset)
		switch params := m.entries[offset].params; {
		case !seen && v == always:
			m.t.Errorf("%s did not see %s.%d (between %d and %d, rendered at %v): %s", p, m.epoch, offset, part.from, part.upTo, part.rendered, describe(&params))
		case seen && v == never:
			m.t.Errorf("%s saw %s.%d, which is not for it: %s", p, m.epoch, offset, describe(&params))
		case seen && number != params.Number:
			m.t.Errorf("%s saw number %d at %s.%d, want %d", p, number, m.epoch, offset, params.Number)
		}
	}
	for offset := range got {
		m.t.Errorf("%s saw %s.%d, which the log does not hold (or a second time)", p, m.epoch, offset)
	}
}

func describe(params *modelParams) string {
	to, err := json.Marshal(params.To)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("number %d to %s, sender %q", params.Number, to, cmp.Or(params.Sender, "-"))
}
