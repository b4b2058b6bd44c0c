package conn

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// deflatable returns a frame whose payload is [body].
func deflatable(body []byte) *Frame {
	f := new(Frame)
	f.SealAll(append(FrameBuffer(nil, len(body)), body...))
	return f
}

// deflated returns what connections that take compressed frames get, or nil if that is
// not compressed.
func deflated(f *Frame) []byte {
	if e := &f.forms[Deflated]; e.whole {
		return e.raw
	}
	return nil
}

// payload returns the JSON array.
func payload(f *Frame) []byte { return append(append([]byte{'['}, f.forms[Arrays].body...), ']') }

// inflate returns the messages of compressed frames, as a client reads them.
func inflate(t *testing.T, frames []byte) (messages [][]byte) {
	t.Helper()
	for len(frames) > 0 {
		size, header := int(frames[1]), 2
		switch size {
		case 126:
			size, header = int(frames[2])<<8|int(frames[3]), 4
		case 127:
			size, header = int(frames[6])<<24|int(frames[7])<<16|int(frames[8])<<8|int(frames[9]), 10
		}
		payload := frames[header : header+size]
		if frames[0] == 0xC1 {
			tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff") // section 7.2.2, and the end of a stream
			var err error
			if payload, err = io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), tail))); err != nil {
				t.Fatalf("inflate: %v", err)
			}
		} else if frames[0] != 0x81 {
			t.Fatalf("got a frame that begins with %#x", frames[0])
		}
		messages, frames = append(messages, payload), frames[header+size:]
	}
	return messages
}

func TestFramesFromAKibibyteOnAreCompressedUnlessTheyDoNotShrink(t *testing.T) {
	noise := make([]byte, 4<<10)
	chance := rand.NewChaCha8([32]byte{})
	_, _ = chance.Read(noise)
	for _, tc := range []struct {
		what string
		body []byte
		want bool
	}{
		{"empty", nil, false},
		{"payload of 1023 bytes", bytes.Repeat([]byte("a"), 1021), false},
		{"payload of 1024 bytes", bytes.Repeat([]byte("a"), 1022), true},
		{"noise", noise, false},
		{"100 KB", bytes.Repeat([]byte("<li>task</li>"), 8000), true},
		{"noise with a compressed size above 64 KiB", append(bytes.Repeat(noise, 1), bytes.Repeat(appendNoise(chance, 70<<10), 2)...), false},
	} {
		t.Run(tc.what, func(t *testing.T) {
			f, d := deflatable(tc.body), new(Deflater)
			raw := bytes.Clone(f.forms[Arrays].raw)

			d.Deflate(f)

			if got := deflated(f) != nil; got != tc.want {
				t.Fatalf("compressed: got %t, want %t", got, tc.want)
			}
			if !bytes.Equal(f.forms[Arrays].raw, raw) {
				t.Error("the uncompressed form has changed")
			}
			if !tc.want {
				return
			}
			if deflated(f)[0] != 0xC1 {
				t.Errorf("the frame begins with %#x, want 0xc1: final, compressed, text", deflated(f)[0])
			}
			if bytes.HasSuffix(deflated(f), []byte("\x00\x00\xff\xff")) {
				t.Error("the frame has the tail that section 7.2.1 removes")
			}
			if got := inflate(t, deflated(f)); len(got) != 1 || string(got[0]) != "["+string(tc.body)+"]" {
				t.Errorf("a client reads %d messages, or another one", len(got))
			}
		})
	}
}

func appendNoise(chance *rand.ChaCha8, size int) []byte {
	noise := make([]byte, size)
	_, _ = chance.Read(noise)
	return noise
}

func TestJoinedFrameHasTheSmallestFormOfEachPart(t *testing.T) {
	d := new(Deflater)
	small, large, secret := deflatable([]byte("1")), deflatable(bytes.Repeat([]byte("2"), 2000)), deflatable(bytes.Repeat([]byte("3"), 2000))
	d.Deflate(small)
	d.Deflate(large)
	parts := []*Frame{small, large, secret}

	if got, want := string(payload(Join(parts, Arrays))), "["+string(bytes.Join([][]byte{small.forms[0].body, large.forms[0].body, secret.forms[0].body}, []byte(",")))+"]"; got != want {
		t.Errorf("uncompressed: got %.60s, want %.60s", got, want)
	}
	joined := deflated(Join(parts, Deflated))
	if !bytes.HasSuffix(joined, secret.forms[Arrays].raw) {
		t.Error("the part that was not compressed has been")
	}
	got := inflate(t, joined)
	for i, p := range parts {
		if len(got) != 3 || !bytes.Equal(got[i], payload(p)) {
			t.Fatalf("a client reads %.60s, want the parts in order", got)
		}
	}
	if plain := Join([]*Frame{small, secret}, Deflated); deflated(plain) != nil {
		t.Error("parts without a compressed form have one when they are joined")
	}
}

// FuzzDeflate compresses arbitrary frames one after the other with one Deflater: none
// may depend on those before it.
func FuzzDeflate(f *testing.F) {
	f.Add([]byte(""), 0)
	f.Add([]byte("a"), 5000)
	f.Add([]byte("<li>\xff\x00</li>"), 300)
	d := new(Deflater)
	f.Fuzz(func(t *testing.T, part []byte, times int) {
		body := bytes.Repeat(part, max(0, min(times, (128<<10)/max(1, len(part)))))
		frame := deflatable(body)
		d.Deflate(frame)
		if deflated(frame) == nil {
			return
		}
		if len(deflated(frame)) >= len(frame.forms[Arrays].raw) {
			t.Errorf("%d bytes became %d", len(frame.forms[Arrays].raw), len(deflated(frame)))
		}
		if got := inflate(t, deflated(frame)); len(got) != 1 || !bytes.Equal(got[0], payload(frame)) {
			t.Error("a client reads something else")
		}
	})
}

func TestOffersAreAcceptedIfTheirFramesCanBeRead(t *testing.T) {
	for offer, want := range map[string]bool{
		"":                   false,
		"permessage-deflate": true,
		"permessage-deflate; client_max_window_bits":                                     true, // Chromium
		"permessage-deflate; client_max_window_bits=10":                                  true,
		" permessage-deflate ;server_no_context_takeover; client_no_context_takeover":    true,
		"permessage-deflate; server_max_window_bits=10":                                  false,
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":              true,
		"permessage-deflate; x":                                                          false,
		"permessage-deflate;":                                                            true,
		"x-webkit-deflate-frame":                                                         false,
		"x, permessage-deflate; client_max_window_bits; server_no_context_takeover , y ": true,
		"permessage-deflates":                                                            false,
	} {
		if got := offersDeflate(map[string][]string{"Sec-Websocket-Extensions": {offer}}); got != want {
			t.Errorf("%q: accepted %t, want %t", offer, got, want)
		}
	}
}

// FuzzOffer checks that what is accepted names the extension.
func FuzzOffer(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits")
	f.Add("a,;=b;,")
	f.Fuzz(func(t *testing.T, line string) {
		if isDeflateOffer(line) && !strings.Contains(line, "permessage-deflate") {
			t.Errorf("%q is accepted", line)
		}
	})
}

// BenchmarkDeflate compresses a fragment of HTML as it lies in a message.
func BenchmarkDeflate(b *testing.B) {
	for _, size := range []int{2 << 10, 20 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%d KB", size>>10), func(b *testing.B) {
			f, d := deflatable(fragment(size)), new(Deflater)
			b.ReportAllocs()
			for b.Loop() {
				f.forms[Deflated] = f.forms[Arrays]
				d.Deflate(f)
			}
			b.ReportMetric(float64(len(f.forms[Arrays].raw))/float64(len(deflated(f))), "ratio")
		})
	}
}

// fragment returns a message with about size bytes of HTML: a table of tasks, of
// which every row has its own numbers and words.
func fragment(size int) []byte {
	chance := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("deploy the new release to staging and write a note for support about customer invoices that were sent twice " +
		"check backup restore times on database replica before friday ask ann whether pricing page needs another review")
	b := append([]byte(nil), `{"id":7,"module_id":"tasks","command":"replace","params":{"html":"`...)
	for len(b) < size {
		id := chance.IntN(1 << 20)
		b = fmt.Appendf(b, `<tr id=\"task-%d\" class=\"task task--%s\"><td><a href=\"/tasks/%d\">`, id, words[chance.IntN(len(words))], id)
		for range 4 + chance.IntN(8) {
			b = append(append(b, words[chance.IntN(len(words))]...), ' ')
		}
		b = fmt.Appendf(b, `</a></td><td>%02d:%02d</td><td>%d</td></tr>\n`, chance.IntN(24), chance.IntN(60), chance.IntN(1<<16))
	}
	return append(b, `"}}`...)
}
