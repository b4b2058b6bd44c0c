package load

import (
	"bytes"
	"compress/flate"
	"strings"
	"testing"
)

func TestTextsSurviveAnySplit(t *testing.T) {
	long := strings.Repeat("y", 300)
	rows := []struct {
		name   string
		stream string
		new    func() decoder
		want   string
	}{
		{"frames", "\x81\x02ab\x89\x01p\x81\x7e\x01\x2c" + long + "\x81\x00", newFrames, "1ab9p1" + long + "1"},
		{"events", "ab\n\nabc\n\nd\n\n", newEvents, "1ab1abc1d"},
		{"chunked events", "4\r\nab\n\n\r\n2\r\nab\r\n6\r\nc\n\nd\n\n\r\n", newChunkedEvents, "1ab1abc1d"},
	}
	for _, row := range rows {
		for at := range len(row.stream) {
			if got := decoded(t, row.new(), row.stream[:at], row.stream[at:]); got != row.want {
				t.Errorf("%s split at %d: got %q, want %q", row.name, at, got, row.want)
			}
		}
	}
}

func TestCompressedFramesAreUnpacked(t *testing.T) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("<li>", 20)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	payload := strings.TrimSuffix(packed.String(), "\x00\x00\xff\xff")
	frame := string([]byte{0xc1, byte(len(payload))}) + payload

	if got, want := decoded(t, newDeflated()(), frame+frame+"\x81\x01z"), "1"+text+"1"+text+"1z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// decoded returns each text prefixed with its opcode.
func decoded(t *testing.T, feed decoder, parts ...string) string {
	t.Helper()
	var got strings.Builder
	for _, part := range parts {
		err := feed([]byte(part), func(opcode byte, text []byte) {
			got.WriteByte('0' + opcode)
			got.Write(bytes.ReplaceAll(text, []byte("\n\n"), []byte("1")))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return got.String()
}
