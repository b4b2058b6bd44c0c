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
	} {
		t.Run(test.name, func(t *testing.T) {
			var l ledger
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

func TestLedgerKnowsWhatIsMissingAtTheEnd(t *testing.T) {
	var l ledger
	for n := range 3 {
		if err := l.receive(letter{line: "all", number: n + 1}); err != nil {
			t.Fatal(err)
		}
	}

	got := l.lacks(map[line]int{"all": 5, "never received": 9})

	if got != 2 {
		t.Errorf("%d letters are missing, want 2", got)
	}
}

func TestHoleOfDoubtfulLettersIsNoLoss(t *testing.T) {
	var seen tally
	seen.doubt("tasks", 3)
	seen.doubt("tasks", 4)

	if !seen.doubtful(hole{"tasks", 3, 4}) {
		t.Error("3 to 4 had to come, want doubtful")
	}
	if seen.doubtful(hole{"tasks", 3, 5}) || seen.doubtful(hole{"all", 3, 4}) {
		t.Error("letters that were sent are doubtful")
	}
}
