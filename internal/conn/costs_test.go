package conn

import (
	"testing"
	"unsafe"
)

func TestTransportsStaySmall(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, most uintptr // bytes; most is a size class of the runtime
	}{
		{"a WebSocket", unsafe.Sizeof(Socket{}), 112},
		{"a stream", unsafe.Sizeof(Stream{}), 64},
		{"a response", unsafe.Sizeof(Response{}), 80},
		{"a connection", unsafe.Sizeof(Conn{}), 128},
	} {
		if c.got > c.most {
			t.Errorf("%s takes %d bytes, want %d at most", c.what, c.got, c.most)
		}
	}
}
