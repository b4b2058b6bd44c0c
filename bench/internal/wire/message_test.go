package wire

import (
	"encoding/json"
	"testing"
	"time"
)

func TestMessageIsWhatJSONWouldBe(t *testing.T) {
	pad, err := Job{Size: 200}.Pad()
	if err != nil {
		t.Fatal(err)
	}
	m := NewMessage(1234, time.Now(), pad)
	want, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}

	got := m.Append(nil)

	if string(got) != string(want) || len(got) != 200 {
		t.Errorf("got %d bytes %s, want 200 bytes %s", len(got), got, want)
	}
}

func TestMessagesAreFoundInAnyEnvelope(t *testing.T) {
	at := time.Now()
	text := []byte(`[[7,1795452002114,"bench:m",`)
	for seq := range int64(3) {
		text = NewMessage(seq, at, "x").Append(text)
		text = append(text, `],{"id":8,"params":`...)
	}
	var got []int64

	Each(text, func(seq, sent int64) {
		got = append(got, seq)
		if sent != at.UnixNano() {
			t.Errorf("sent is %d, want %d", sent, at.UnixNano())
		}
	})

	if len(got) != 3 || got[0] != 0 || got[2] != 2 {
		t.Errorf("got %v, want 0, 1, 2", got)
	}
}
