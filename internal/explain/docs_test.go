package explain

import (
	"os"
	"strings"
	"testing"
)

func TestEachStepIsInTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/why.md")
	if err != nil {
		t.Fatal(err)
	}
	f := facts()
	f.Terms = []Match{{Named: true, Tags: []TagMatch{{Tag: "T"}}, MoreTags: 1}}

	e := Explain(f)

	for _, s := range e.Steps {
		heading, found := strings.CutPrefix(s.Docs, "docs/why.md#")
		title := "\n## " + strings.ToUpper(heading[:1]) + strings.ReplaceAll(heading[1:], "-", " ") + "\n"
		if !found || !strings.Contains(string(guide), title) {
			t.Errorf("%q refers to %s, which the guide does not have", s.Question, s.Docs)
		}
	}
	for outcome, answer := range answers {
		if !strings.Contains(string(guide), "\n| "+answer+" |") {
			t.Errorf("the guide has no row for the outcome %q, whose answer is %q", outcome, answer)
		}
	}
}
