package hub

import (
	"testing"

	"github.com/echo-pull/pull/internal/conn"
)

// Pages in turn have other forms: what one of them kept must not be lost to the next.
func TestPagesOfEachFormShareAMergedFrame(t *testing.T) {
	var w worker
	bundles := []*bundle{new(bundle), new(bundle)}
	arrays := w.merge(bundles, conn.Arrays)

	objects := w.merge(bundles, conn.Objects)

	if objects == arrays {
		t.Error("two forms have the same frame")
	}
	if w.merge(bundles, conn.Arrays) != arrays || w.merge(bundles, conn.Objects) != objects {
		t.Error("a frame was merged again")
	}
	if w.merge(bundles[:1], conn.Arrays) == arrays {
		t.Error("other bundles have the same frame")
	}
}
