package brokertest

import (
	"slices"
	"strings"
	"testing"
)

func TestHonestBrokerPasses(t *testing.T) {
	for _, p := range all() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := newSlate("").suite()
			if err := s.check(t, &p); err != nil {
				t.Errorf("got %v, want the promise kept: %s", err, p.promise)
			}
		})
	}
}

func TestBrokerWithALargestMessagePasses(t *testing.T) {
	s := newSlate("is bounded").suite()
	p := promiseOf("sizes")
	if err := s.check(t, p); err != nil {
		t.Errorf("got %v, want the promise kept: %s", err, p.promise)
	}
}

func promiseOf(name string) *promise {
	i := slices.IndexFunc(all(), func(p promise) bool { return p.name == name })
	return &all()[i]
}

func TestWrongBrokerIsFound(t *testing.T) {
	for wrong, names := range map[string]string{
		"reverses":        "order",
		"loses":           "concurrent publishers",
		"repeats":         "live after the window",
		"skips":           "no hole",
		"starts at zero":  "starts above zero",
		"counts too far":  "positions for pages",
		"has no name":     "positions for pages",
		"is called odd":   "positions for pages",
		"is not text":     "positions for pages",
		"has a long name": "positions for pages",
		"alters":          "unaltered",
		"overwrites":      "kept",
		"overlaps":        "one at a time",
		"forgets":         "window",
		"renames":         "epoch stays",
		"ends badly":      "ends in the middle",
		"takes cancelled": "publish cancelled",
		"counts empty":    "nothing",
		"lies":            "publish out of reach",
		"keeps its name":  "another log",

		"drops empty":        "sizes",
		"cuts":               "sizes",
		"takes all":          "sizes",
		"takes those before": "sizes",
		"takes half":         "batches",
		"is full":            "batches",
		"keeps little":       "long window",
		"begins late":        "middle of the log",
		"comes again":        "coming and going",
		"tears":              "no skip",

		"is another after a restart": "restart",
		"forgets a little":           "kill",
		"splits":                     "nodes, late commits",
		"overlooks":                  "late commits",
		"hangs":                      "frozen",
		"waits":                      "frozen subscription",
		"begins again":               "subscriptions over an outage",
		"tears when it breaks":       "no skip over outages",
		"has two clocks":             "clock ahead, clock behind",
		"is deaf":                    "emptied log, deaf node, level node, overtaken node",
		"goes back":                  "rewound, rewound and overtaken",
	} {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			for name := range strings.SplitSeq(names, ", ") {
				s := newSlate(wrong).suite()
				if s.check(t, promiseOf(name)) == nil {
					t.Errorf("nothing was found, want a failure of %q", name)
				}
			}
		})
	}
}
