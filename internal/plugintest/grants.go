package plugintest

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/echo-pull/pull/internal/protocol"
)

// grants are those of a page, as a client keeps them. It is passive: its owner guards
// it.
type grants []pageGrant

type pageGrant struct {
	texts    []string // what the test has presented, and what it was renewed to; a page presents the last
	answered bool     // the server has accepted it
}

func (g *pageGrant) has(text string) bool { return slices.Contains(g.texts, text) }

// request notes which grants a request of the page presents, or ends.
func (g *grants) request(frame []byte) {
	var q struct{ Watch, Unwatch []string }
	if json.Unmarshal(frame, &q) != nil {
		return // the server closes the connection
	}
	for _, text := range q.Unwatch {
		g.remove(text)
	}
	for _, text := range q.Watch {
		if !slices.ContainsFunc(*g, func(one pageGrant) bool { return one.has(text) }) {
			*g = append(*g, pageGrant{texts: []string{text}})
		}
	}
}

func (g *grants) remove(text string) {
	*g = slices.DeleteFunc(*g, func(one pageGrant) bool { return one.has(text) })
}

// answer notes what became of grants, and reports whether the page has missed
// something.
func (g *grants) answer(answers map[string]protocol.GrantAnswer) (gap bool) {
	for _, text := range slices.Sorted(maps.Keys(answers)) {
		a := answers[text]
		switch a.State {
		case protocol.GrantOK:
		case protocol.GrantGap:
			gap = true
		default:
			g.remove(text)
			continue
		}
		for i := range *g {
			if one := &(*g)[i]; one.has(text) {
				one.renew(a.Grant)
			}
		}
	}
	return gap
}

func (g *pageGrant) renew(text string) {
	g.answered = true
	if text != "" {
		g.texts = append(g.texts, text)
	}
}

// present returns the grants for a handshake, and those for the connection then.
func (g *grants) present() (answered, others []string) {
	for _, one := range *g {
		text := one.texts[len(one.texts)-1]
		if one.answered {
			answered = append(answered, text)
		} else {
			others = append(others, text)
		}
	}
	return answered, others
}
