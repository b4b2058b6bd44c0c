package hub

import (
	"strconv"
	"testing"
	"time"
)

// BenchmarkStorm measures 10,000 users who connect within two seconds, until all
// pages have the last state, without what a network and its handshakes cost.
func BenchmarkStorm(b *testing.B) {
	for name, scope := range map[string]OnlineScope{"nobody is told": OnlineNobody, "everyone is told": OnlineEveryone} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			bytes := 0
			for b.Loop() {
				bytes = storm(b, scope)
			}
			b.ReportMetric(float64(bytes)/stormUsers, "B/page")
		})
	}
}

const stormUsers = 10_000

func storm(b *testing.B, scope OnlineScope) (bytes int) {
	b.Helper()
	tn := newTown(1, func(c *Config) { c.Scope = scope })
	n := tn.nodes[0]
	now := time.Now()
	pages := make([]*countingPage, stormUsers)
	for i := range pages {
		pages[i] = new(countingPage)
		p := newPage(n.hub, strconv.Itoa(i), pages[i])
		if err := n.hub.Join(p, nil, 0); err != nil {
			b.Fatal(err)
		}
		p.Flush()
		tn.settle()
		if (i+1)%(stormUsers/2) == 0 {
			now = now.Add(UpdateEvery)
			n.hub.SendPresence(&n.o, now)
		}
	}
	for range 120 {
		now = now.Add(UpdateEvery)
		n.hub.SendPresence(&n.o, now)
	}
	for _, p := range pages {
		bytes += p.bytes
	}
	return bytes
}
