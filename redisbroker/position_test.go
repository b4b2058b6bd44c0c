package redisbroker

import "testing"

// What the stream has for an id is taken as it stands, or refused.
func FuzzParseID(f *testing.F) {
	for _, text := range []string{"0-0", "1-1764000000000123456", "9007199254740992-1", "1-18446744073709551615", "-", "1", "+1-1", "1-1-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseID(text)
		if err != nil {
			return
		}
		if again, err := parseID(got.String()); err != nil || again != got || got.offset > maxOffset {
			t.Errorf("got %v from %q, and then %v and %v", got, text, again, err)
		}
	})
}
