package modeltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A pageWatch is a tag that a page watches itself, by a grant.
type pageWatch struct {
	tag   string
	grant string // the newest one
	first string // the one that the application made

	// The watch covers what is after this position, or a bit earlier one.
	epoch string
	from  uint64

	presented    bool // in the handshake of this connection, and not answered yet
	acknowledged bool
	leaving      bool  // the page has ended it; the server may not have noticed
	span         *span // in the last part of the page; nil if the server cannot know the watch
}

// A span is what a page must and may receive because of a watch: perhaps what is
// after may, always what is after must, perhaps again what is after doubt, and
// nothing after end.
type span struct {
	tag                   string
	may, must, doubt, end uint64
}

func (s *span) verdict(offset uint64) verdict {
	switch {
	case offset <= s.may || offset > s.end:
		return never
	case offset > s.must && offset <= s.doubt:
		return always
	}
	return perhaps
}

// mostWatches bounds the watches of one page.
const mostWatches = 4

// ask requests a page that grants a tag. It returns the grant, and the cursor at
// which the request began.
func (p *page) ask(n *Node, query string) (grant, epoch string, offset uint64, err error) {
	body, err := n.get("/page?"+query, p.header())
	if err != nil {
		return "", "", 0, err
	}
	cursor, grant, _ := strings.Cut(body, " ")
	epoch, digits, _ := strings.Cut(cursor, ".")
	offset, err = strconv.ParseUint(digits, 10, 64)
	return grant, epoch, offset, err
}

// addWatch adds a watch that the page has rendered, or inserted later.
func (p *page) addWatch(tag, grant, epoch string, from uint64) *pageWatch {
	w := &pageWatch{tag: tag, grant: grant, first: grant, epoch: epoch, from: from}
	p.watches = append(p.watches, w)
	return w
}

// begin begins the span of a watch in the last part.
func (p *page) begin(w *pageWatch) {
	w.span = &span{tag: w.tag, must: math.MaxUint64, doubt: math.MaxUint64, end: math.MaxUint64}
	part := p.part()
	if w.epoch == part.epoch {
		w.span.may = min(w.from, p.position) // another node may be behind the grant
	}
	part.spans = append(part.spans, w.span)
}

// present returns the grants for a handshake: those that the server has
// acknowledged, or all if the page has never been connected. The other watches
// have ended with the connection.
func (p *page) present() url.Values {
	query := make(url.Values)
	var left []*pageWatch
	for _, w := range p.watches {
		if w.presented = !w.leaving && (w.acknowledged || !p.greeted); w.presented {
			query.Add("watch", w.grant)
			if w.span == nil && len(p.parts) > 0 {
				p.begin(w)
			}
		} else if w.span != nil {
			w.span.end = p.position
			w.span = nil
		}
		if !w.leaving {
			left = append(left, w)
		}
	}
	p.watches = left
	return query
}

// carryOver begins the spans of the watches in a new part. live says that the
// connection had begun before.
func (p *page) carryOver(live bool) {
	for _, w := range p.watches {
		if w.span == nil && !w.presented {
			continue
		}
		p.begin(w)
		w.span.may = 0
		if live && w.acknowledged && !w.leaving {
			w.span.must = p.surely(w, p.part().from)
		}
	}
}

// surely returns the position after which the page gets everything for a watch, if
// it gets everything after another one.
func (p *page) surely(w *pageWatch, after uint64) uint64 {
	if w.epoch == p.part().epoch || w.from == math.MaxUint64 {
		return max(w.from, after)
	}
	return after
}

// An answer is what became of a grant.
type answer struct{ State, Grant string }

// takeAnswers processes the answer to grants, of a handshake that had the cursor or
// of a request.
func (p *page) takeAnswers(params []byte, cursor uint64) {
	var answers map[string]answer
	if err := json.Unmarshal(params, &answers); err != nil {
		p.world.t.Errorf("%s: %v in %.300s", p, err, params)
	}
	for _, w := range slices.Clone(p.watches) {
		a, answered := answers[w.grant]
		if !answered || w.leaving || w.span == nil {
			continue
		}
		p.takeAnswer(w, a, cursor)
		w.presented = false
	}
}

func (p *page) takeAnswer(w *pageWatch, a answer, cursor uint64) {
	switch {
	case a.State == "ok" && w.presented && p.recovered:
		w.span.must = min(w.span.must, p.surely(w, cursor))
	case a.State == "ok" && w.presented:
		w.span.must = p.surely(w, p.part().from)
	case a.State == "ok" && w.epoch == p.part().epoch:
		w.span.must = min(w.span.must, w.from)
	case a.State == "ok":
		w.from = math.MaxUint64 // the page has yet to learn that the log is another one
	case a.State == "gap":
		if w.presented && p.recovered {
			p.world.t.Errorf("%s: got a gap for tag %s of %s.%d at the cursor %s.%d", p, w.tag, w.epoch, w.from, p.epoch, cursor)
		}
		w.epoch, w.from = "", math.MaxUint64
		p.unsure = append(p.unsure, w)
	case a.State == "forged" && p.world.CrashesLose: // the secret as well
		w.span.end = p.position
		if w.presented {
			w.span.end = min(w.span.end, max(cursor, w.span.may))
		}
		p.watches = slices.DeleteFunc(p.watches, func(other *pageWatch) bool { return other == w })
		return
	default:
		p.world.t.Errorf("%s: got %+v for the grant of %s", p, a, w.tag)
		return
	}
	p.world.states[a.State].Add(1)
	w.acknowledged = true
	w.grant = a.Grant
	if a.Grant == "" {
		p.world.t.Errorf("%s: no renewed grant of %s", p, w.tag)
	}
}

// settleGaps finds out from which position watches surely count that began with a
// gap: any that the node reaches afterwards.
func (p *page) settleGaps(n *Node) {
	p.mu.Lock()
	unsure := p.unsure
	p.unsure = nil
	p.mu.Unlock()

	if len(unsure) == 0 {
		return
	}
	_, epoch, offset, err := p.ask(n, "")
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()

	for _, w := range unsure {
		w.epoch, w.from = epoch, offset
		if w.span != nil && !w.leaving && p.part().epoch == epoch {
			w.span.must = min(w.span.must, offset)
		}
	}
}

// changeMind begins or ends a watch at random, and repeats what the server did not
// acknowledge on another connection.
func (p *page) changeMind(n *Node) {
	p.settleGaps(n)
	if p.world.Calm || !p.greeted || p.html != "" {
		return
	}
	var watch, unwatch []string
	p.mu.Lock()
	for _, w := range p.watches {
		if w.span == nil {
			p.begin(w)
			watch = append(watch, w.grant)
		}
	}
	p.mu.Unlock()

	if p.restless(150) {
		tag := p.world.Mix.tag(p.chance)
		switch {
		case len(p.watches) < mostWatches && p.chance.IntN(3) > 0:
			grant, epoch, offset, err := p.ask(n, "grant="+tag)
			if err != nil || slices.ContainsFunc(p.watches, func(w *pageWatch) bool { return w.first == grant }) {
				break
			}
			p.mu.Lock()
			p.begin(p.addWatch(tag, grant, epoch, offset))
			p.mu.Unlock()
			watch = append(watch, grant)
		case len(p.watches) > 0:
			unwatch = p.leave(p.watches[p.chance.IntN(len(p.watches))])
		}
	}
	if len(watch)+len(unwatch) > 0 {
		p.request(n, map[string][]string{"watch": watch, "unwatch": unwatch})
	}
}

// leave ends a watch.
func (p *page) leave(w *pageWatch) (grants []string) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if w.leaving {
		return nil
	}
	w.leaving = true
	w.span.doubt = p.position
	return []string{w.grant}
}

// request sends a request about watches, in a frame or a POST.
func (p *page) request(n *Node, what map[string][]string) {
	body, _ := json.Marshal(what) //nolint:errchkjson // strings
	if p.say != nil {
		p.say(string(body))
		return
	}
	answer, err := p.post(n, "/watch", body)
	if err != nil {
		return // the watch is not acknowledged
	}
	p.mu.Lock()
	defer p.mu.Unlock()

	p.takeAnswers(answer, 0)
}

func (p *page) post(n *Node, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequest(http.MethodPost, n.Scheme+"://app.test/pull"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set(UserHeader, p.user)
	r.Header.Set(clientHeader, p.client)
	response, err := n.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s", response.Status)
	}
	var answer bytes.Buffer
	_, err = answer.ReadFrom(response.Body)
	return answer.Bytes(), err
}
