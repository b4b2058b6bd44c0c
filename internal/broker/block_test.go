package broker

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/echo-pull/pull/internal/envelope"
)

// Whatever the sizes and kinds of the messages, each is read as it was published, as
// long as the log has it. What a reader has keeps its bytes, also afterwards.
func TestMessagesAreReadAsTheyWerePublished(t *testing.T) {
	isTransient := func(message []byte) bool { return message[0]%5 == 0 }
	for _, m := range []*Memory{{}, {Bytes: 1}, {Count: 1}, {Count: 50}, {Bytes: 300 << 10}, NewMemory(50, 1<<20, 0, isTransient, nil)} {
		random := rand.New(rand.NewPCG(1, 2))
		var want, read [][]byte
		for i := range 3000 {
			size := random.IntN(400)
			if random.IntN(20) == 0 {
				size *= random.IntN(500)
			}
			message := bytes.Repeat([]byte{byte(i)}, size)
			want = append(want, bytes.Clone(message))
			Append(m, [][]byte{message})
			clear(message) // the log keeps no slices
			read = append(read, m.message(m.next-1))
			at := m.first() + random.Uint64N(m.next-m.first())
			if got := m.message(at); !bytes.Equal(got, want[at-1]) {
				t.Fatalf("offset %d: got %d bytes, want %d", at, len(got), len(want[at-1]))
			}
		}
		for i, got := range read {
			if !bytes.Equal(got, want[i]) {
				t.Fatalf("what was read of offset %d has changed", i+1)
			}
		}
	}
}

// The room that blocks leave unused is small, also if small messages are between
// large ones.
func TestBlocksHaveLittleUnusedRoom(t *testing.T) {
	for _, large := range []int{1 << 10, 5 << 10, 10 << 10, 33 << 10, 65 << 10} {
		m := &Memory{Bytes: 1 << 30}
		for range 300 {
			Append(m, [][]byte{make([]byte, large), make([]byte, 200)})
		}
		room := 0
		for i := range m.blocks.Len() {
			room += cap(m.blocks.At(i).bytes)
		}
		if room > m.bytes+m.bytes/4+blockBytes {
			t.Errorf("messages of %d B: %d bytes have room for %d", large, m.bytes, room)
		}
	}
}

// Only transient messages follow a large one: it goes although they stay.
func TestDroppedMessageIsGivenBackAlthoughTransientOnesFollow(t *testing.T) {
	m := NewMemory(10, 64<<20, 0, envelope.IsTransient, nil)
	large := append([]byte{0, byte(envelope.KindEvent)}, make([]byte, 20<<20)...)
	transient := make([]byte, envelope.HeaderBytes)
	Append(m, [][]byte{large, transient, transient})
	gone := make(chan struct{})
	runtime.AddCleanup(&m.blocks.At(0).bytes[0], func(gone chan struct{}) { close(gone) }, gone)

	m.pop()

	runtime.GC()
	<-gone
	if m.records.Len() != 2 {
		t.Errorf("%d messages are left, want 2", m.records.Len())
	}
}
