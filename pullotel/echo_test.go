package pullotel_test

import (
	"os/exec"
	"strings"
	"testing"
)

// An application on Echo v5 does not get Echo v4 with it.
func TestPackageKnowsNoEcho(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	if strings.Contains(string(out), "labstack/echo") {
		t.Error("the package depends on Echo")
	}
	if !strings.Contains(string(out), "echo-pull/pull/internal/engine") {
		t.Errorf("go list shows no dependencies:\n%s", out)
	}
}
