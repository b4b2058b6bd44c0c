package web

import (
	"testing"
	"unsafe"
)

func TestPageStaysSmall(t *testing.T) {
	if got := unsafe.Sizeof(page{}); got > 240 {
		t.Errorf("a page takes %d bytes, want 240 at most: the runtime has that size", got)
	}
}
