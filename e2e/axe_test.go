package e2e

import (
	"errors"
	"os"
	"strings"
	"testing"
)

const axeFile = "node_modules/axe-core/axe.min.js"

// axe returns the source of axe-core, an accessibility checker.
func axe(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(axeFile)
	if errors.Is(err, os.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("no axe-core: run npm ci in e2e")
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

func TestPagesShutNobodyOut(t *testing.T) {
	t.Parallel()
	source := axe(t)
	for name, page := range everyPage(t) {
		page.run(source)
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 320} {
				page.screen(width, scheme)
				page.run(`axe.run().then(({ violations, passes }) => {
					window.violations = violations.map(({ id, help, nodes }) => id + ": " + help + ": " + nodes.map((node) => node.html + " " + node.failureSummary).join("; "))
					window.passed = passes.map(({ id }) => id)
				})`)
				if found := value[[]string](page, "violations"); len(found) > 0 {
					t.Errorf("%s, %s, %d px wide:\n%s", name, scheme, width, strings.Join(found, "\n"))
				}
				if !value[bool](page, `passed.includes("color-contrast")`) {
					t.Errorf("%s, %s, %d px wide: no contrast was measured", name, scheme, width)
				}
			}
		}
	}
}
