package soak

import (
	"errors"
	"testing"
	"time"
)

func TestLetterIsReadAsItWasWritten(t *testing.T) {
	want := letter{"all", 7, time.Unix(0, 1795452002114000123)}

	got, ok := parseLetter(want.String() + " 🙂🙂")

	if !ok || got.line != want.line || got.number != want.number || !got.sent.Equal(want.sent) {
		t.Errorf("got %v, %v, want %v", got, ok, want)
	}
	for _, text := range []string{"", "hello", "all 7", "all seven 1", "all 0 1", "all 7 later"} {
		if got, ok := parseLetter(text); ok {
			t.Errorf("%q is the letter %v, want none", text, got)
		}
	}
}

func TestLedgerNoticesWhatIsNotNext(t *testing.T) {
	for _, test := range []struct {
		name    string
		numbers []int // 0 is a gap
		ok      bool
	}{
		{"in order", []int{5, 6, 7}, true},
		{"one is missing", []int{5, 7}, false},
		{"one comes twice", []int{5, 6, 6}, false},
		{"two are confused", []int{5, 7, 6}, false},
		{"some are missing and a gap was reported", []int{5, 0, 9, 10}, true},
		{"one is missing after a gap", []int{5, 0, 9, 11}, false},
		{"the page was loaded while the first was on its way", []int{6}, true},
		{"the first is missing", []int{7}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var l ledger
			l.expect(map[line]int{"all": 4}, "all", "tasks")
			var errs []error
			for _, n := range test.numbers {
				if n == 0 {
					l.gap()
					continue
				}
				errs = append(errs, l.receive(letter{line: "all", number: n}))
			}
			if err := errors.Join(errs...); (err == nil) != test.ok {
				t.Errorf("got %v, want success: %v", err, test.ok)
			}
		})
	}
}

func TestPageKnowsWhatIsMissingAtTheEnd(t *testing.T) {
	p := page{tally: &tally{}}
	p.ledger.expect(map[line]int{"all": 1, "tasks": 7}, "all", "tasks", "never sent")
	if err := p.ledger.receive(letter{line: "all", number: 3}); err != nil {
		t.Fatal(err)
	}
	for n := 8; n < 12; n++ {
		p.tally.doubt(n)
	}

	for _, test := range []struct {
		all, tasks, want int
	}{{3, 7, 0}, {5, 7, 2}, {3, 11, 0}, {3, 13, 2}, {5, 12, 3}} {
		if got := p.lacks(map[line]int{"all": test.all, "tasks": test.tasks, "of others": 9}); got != test.want {
			t.Errorf("%d letters up to %d and %d are missing, want %d", got, test.all, test.tasks, test.want)
		}
	}
}

func TestHoleOfDoubtfulLettersIsNoLoss(t *testing.T) {
	var seen tally
	seen.doubt(3)
	seen.doubt(4)

	for _, test := range []struct {
		hole hole
		lost int
	}{{hole{"tasks", 3, 4}, 0}, {hole{"tasks", 2, 5}, 2}, {hole{"all", 3, 4}, 2}} {
		if got := seen.lost(test.hole); got != test.lost {
			t.Errorf("of %v %d letters are lost, want %d", &test.hole, got, test.lost)
		}
	}
}
