package natsbroker

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func TestFrameIsWhatItWas(t *testing.T) {
	for name, messages := range map[string][][]byte{
		"none":  nil,
		"empty": {{}},
		"some":  {[]byte("a"), {}, bytes.Repeat([]byte{0xff}, 300)},
		"many":  slices.Repeat([][]byte{[]byte("message")}, 1000),
	} {
		t.Run(name, func(t *testing.T) {
			f := frame{generation: 1, id: 2, previous: 3, first: 4, messages: messages}
			data := f.encode()

			got, err := decode(data)
			if err != nil {
				t.Fatal(err)
			}
			same := slices.EqualFunc(got.messages, messages, bytes.Equal)
			if got.generation != 1 || got.id != 2 || got.previous != 3 || got.first != 4 || !same {
				t.Errorf("got %v, want %v", got, f)
			}
			size := 0
			for _, m := range messages {
				size += len(m) + messageBytes
			}
			if len(data) > size+frameBytes {
				t.Errorf("got %d bytes, want at most %d", len(data), size+frameBytes)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a message of another program"))
	whole := frame{generation: 1, id: 2, previous: 3, first: 4, messages: [][]byte{[]byte("a"), nil, []byte("bc")}}
	f.Add(whole.encode())
	f.Add(whole.encode()[:30])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decode(data)
		if err != nil {
			if !errors.Is(err, errForeign) {
				t.Errorf("got %v, want errForeign", err)
			}
			return
		}
		if got.first == 0 || got.next() < got.first || got.next() > maxOffset || got.id == 0 {
			t.Errorf("got impossible numbers in %v", got)
		}
		again, err := decode(got.encode())
		if err != nil || again.first != got.first || !slices.EqualFunc(again.messages, got.messages, bytes.Equal) {
			t.Errorf("got %v and %v, want %v again", again, err, got)
		}
	})
}
