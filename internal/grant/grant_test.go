package grant

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

const day = 24 * time.Hour

func newSealer(secret string) *Sealer {
	return NewSealer(bytes.Repeat([]byte(secret), MinSecret), day)
}

func seal(t *testing.T, s *Sealer, user string, g Grant, now time.Time) string {
	t.Helper()
	text, err := s.Seal(Owner{User: user}, g, now)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGrantContainsWhatWasSealed(t *testing.T) {
	now := time.Unix(1_800_000_000, 5)
	s := newSealer("s")
	for name, g := range map[string]Grant{
		"usual":           {From: envelope.Cursor{Epoch: "k3f2x7ab", Offset: 58}, Tags: []string{"ARTICLE_5"}},
		"renewed":         {ID: 7, From: envelope.Cursor{Epoch: "k3f2x7ab", Offset: envelope.MaxOffset}, Renewed: true, Tags: []string{"A", "ü"}},
		"of no position":  {Tags: []string{strings.Repeat("x", envelope.MaxIDBytes)}},
		"of as many tags": {Tags: slices.Repeat([]string{"tag"}, MaxTags)},
	} {
		for _, user := range []string{"", "42"} {
			text := seal(t, s, user, g, now)
			got, err := s.Open(text, Owner{User: user}, now.Add(day-time.Second))
			if want := g; err != nil || g.ID != 0 && got.ID != g.ID || got.ID == 0 {
				t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
			}
			if got.ID = g.ID; !reflect.DeepEqual(got, g) {
				t.Errorf("%s: got %+v, want %+v", name, got, g)
			}
			if len(text) > MaxBytes || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
				t.Errorf("%s: %q is too long, or not base64url", name, text)
			}
		}
	}
}

func TestGrantOfOneTagIsShort(t *testing.T) {
	text := seal(t, newSealer("s"), "42", Grant{From: envelope.Cursor{Epoch: "k3f2x7ab", Offset: 1_000_000}, Tags: []string{"ARTICLE_5"}}, time.Unix(1_800_000_000, 0))
	if len(text) > 80 {
		t.Errorf("got %d bytes, want 80 at most: they are in the address of a stream", len(text))
	}
}

func TestRenewedGrantKeepsItsID(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newSealer("s")
	first, err := s.Open(seal(t, s, "42", Grant{Tags: []string{"A"}}, now), Owner{User: "42"}, now)
	if err != nil {
		t.Fatal(err)
	}
	first.Renewed = true

	again, err := s.Open(seal(t, s, "42", first, now.Add(time.Hour)), Owner{User: "42"}, now.Add(day))

	if err != nil || again.ID != first.ID {
		t.Errorf("got the id %d, %v, want %d", again.ID, err, first.ID)
	}
}

func TestGrantThatIsNotTheUsersIsRefused(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newSealer("s")
	g := Grant{Tags: []string{"A"}}
	text := seal(t, s, "42", g, now)
	for name, c := range map[string]struct {
		text, user string
		now        time.Time
		want       error
	}{
		"another user":             {text, "4", now, ErrForeign},
		"a guest":                  {text, "", now, ErrForeign},
		"a guest's, of a user":     {seal(t, s, "", g, now), "42", now, ErrForeign},
		"another secret":           {seal(t, newSealer("x"), "42", g, now), "42", now, ErrForged},
		"expired":                  {text, "42", now.Add(day), ErrExpired},
		"of a clock that is ahead": {seal(t, s, "42", g, now.Add(skew+time.Second)), "42", now, ErrExpired},
		"a little ahead":           {seal(t, s, "42", g, now.Add(skew)), "42", now, nil},
		"empty":                    {"", "42", now, ErrForged},
		"cut":                      {text[:len(text)-1], "42", now, ErrForged},
		"longer":                   {text + "A", "42", now, ErrForged},
		"huge":                     {strings.Repeat("A", MaxBytes+4), "42", now, ErrForged},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Open(c.text, Owner{User: c.user}, c.now); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestChangedGrantIsForged(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newSealer("s")
	text := []byte(seal(t, s, "42", Grant{Tags: []string{"A"}}, now))
	for i := range text {
		for _, c := range []byte("AB_9") {
			if text[i] == c {
				continue
			}
			changed := slices.Clone(text)
			changed[i] = c
			if _, err := s.Open(string(changed), Owner{User: "42"}, now); !errors.Is(err, ErrForged) {
				t.Fatalf("%s opens as %s: %v", changed, text, err)
			}
		}
	}
}

func TestImpossibleTagsCannotBeSealed(t *testing.T) {
	for name, tags := range map[string][]string{
		"none": nil, "empty": {""}, "control character": {"a\n"}, "not UTF-8": {"\xff"},
		"too long": {strings.Repeat("x", envelope.MaxIDBytes+1)}, "too many": slices.Repeat([]string{"t"}, MaxTags+1),
	} {
		if err := Check(tags); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	many := Grant{Tags: slices.Repeat([]string{strings.Repeat("x", 100)}, 20)}
	if _, err := newSealer("s").Seal(Owner{User: "42"}, many, time.Now()); err == nil {
		t.Error("a grant longer than the limit was sealed")
	}
}

func FuzzOpen(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	s := newSealer("s")
	for _, user := range []string{"", "42"} {
		text, _ := s.Seal(Owner{User: user}, Grant{ID: 3, From: envelope.Cursor{Epoch: "e", Offset: 1}, Tags: []string{"A", "B"}}, now)
		f.Add(text)
	}
	f.Add("")
	f.Add(encoding.EncodeToString(make([]byte, 64)))
	f.Fuzz(func(t *testing.T, text string) {
		if g, err := s.Open(text, Owner{User: "42"}, now); err == nil && (Check(g.Tags) != nil || g.ID == 0) {
			t.Errorf("accepted %+v", g)
		}
	})
}

// FuzzParse has what only a holder of the key could write.
func FuzzParse(f *testing.F) {
	f.Add([]byte{version, 0, 0, 1, 'e', 1, 1, 1, 'A'})
	f.Add([]byte{version, flagID | flagOwner | flagRenewed})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := parse(b); ok && Check(c.grant.Tags) != nil {
			t.Errorf("accepted %+v", c)
		}
	})
}
