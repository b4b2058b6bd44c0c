package ticket

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/session"
)

// now is the time at which the tests seal.
var now = time.UnixMilli(1_800_000_000_005)

func newSealer(secret string) *Sealer { return NewSealer(bytes.Repeat([]byte(secret), 32)) }

// full is a ticket with everything.
func full() *Ticket {
	return &Ticket{
		User: "42", Session: session.IDOf("cookie"), Until: now.Add(time.Hour), Origin: OriginOf("https://shop.example"),
		From: envelope.Cursor{Epoch: "k3f2x7ab", Offset: 58},
	}
}

func TestTicketContainsWhatWasSealed(t *testing.T) {
	s := newSealer("s")
	longest := strings.Repeat("ü", 127)
	for name, want := range map[string]*Ticket{
		"of a session":           full(),
		"of a user":              {User: "42", From: envelope.Cursor{Epoch: "k3f2x7ab", Offset: 1}},
		"of a guest":             {From: envelope.Cursor{Epoch: "k3f2x7ab"}},
		"as long as possible":    {User: longest, From: envelope.Cursor{Epoch: longest + "x", Offset: envelope.MaxOffset}},
		"of a login without end": {User: "42", Session: session.IDOf("cookie"), From: envelope.Cursor{Epoch: "e", Offset: 7}},
		"until the far future":   {User: "42", Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			text := s.Seal(want, now)
			got, err := s.Open(text, now.Add(TTL-time.Millisecond))
			if err != nil || got.ID == (ID{}) {
				t.Fatalf("got %+v, %v", got, err)
			}
			same := got.Until.Equal(want.Until)
			if got.ID, got.Until = want.ID, want.Until; got != *want || !same {
				t.Errorf("got %+v, want %+v", got, *want)
			}
			if len(text) > MaxBytes || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
				t.Errorf("%q is too long, or not base64url", text)
			}
		})
	}
}

func TestTicketHasTheLoginThatItWasIssuedFor(t *testing.T) {
	s := session.Session{User: "42", ID: "cookie", Until: now.Add(time.Hour)}
	for name, login := range map[string]session.Login{
		"session": {User: "42", Lease: session.LeaseOf(&s, now)},
		"user":    {User: "42"},
		"guest":   {},
	} {
		t.Run(name, func(t *testing.T) {
			issued := Of(login, Origin{}, envelope.Cursor{})
			got := issued.Login(now.Add(time.Minute))

			if got.User != login.User || got.ID() != login.ID() || (got.Lease == nil) != (login.Lease == nil) {
				t.Errorf("got %+v, want %+v", got, login)
			}
			left, ends := got.Lease.Left(now.Add(time.Minute))
			if want := 59 * time.Minute; ends && left != want {
				t.Errorf("%s of the login are left, want %s", left, want)
			}
		})
	}
}

// Applications write some of these for a login that never ends.
func TestTicketOfALoginUntilAnyTimeIsOneUntilThen(t *testing.T) {
	s := newSealer("s")
	for _, until := range []time.Time{
		time.Unix(1<<63-62135596801, 999999999), // the last that After and Before compare
		time.Unix(1<<55, 0), time.Unix(1<<50, 0), time.UnixMilli(1<<63 - 1),
	} {
		opened, err := s.Open(s.Seal(&Ticket{User: "42", Until: until}, now), now)
		if login := opened.Login(now); err != nil || login.Lease.IsOver(now.Add(time.Hour)) {
			t.Errorf("%d: got %+v, %v, want a login that goes on", until.Unix(), login, err)
		}
	}
}

func TestTicketsOfOneLoginDiffer(t *testing.T) {
	s := newSealer("s")
	first, second := s.Seal(full(), now), s.Seal(full(), now)
	a, errA := s.Open(first, now)
	b, errB := s.Open(second, now)
	if first == second || a.ID == b.ID || errA != nil || errB != nil {
		t.Errorf("two tickets have the texts %s and %s, and the ids %x and %x", first, second, a.ID, b.ID)
	}
}

func TestTicketRevealsNothing(t *testing.T) {
	secret := "ann.example"
	text := newSealer("s").Seal(&Ticket{User: secret, From: envelope.Cursor{Epoch: secret}}, now)
	b, _ := encoding.DecodeString(text)
	if bytes.Contains(b, []byte(secret)) || strings.Contains(text, secret) {
		t.Errorf("%s contains the user", text)
	}
}

func TestTicketThatIsNotValidIsRefused(t *testing.T) {
	s := newSealer("s")
	text := s.Seal(full(), now)
	granted, _ := grant.NewSealer(bytes.Repeat([]byte("s"), 32), time.Hour).Seal(grant.Owner{User: "42"}, grant.Grant{Tags: []string{"A"}}, now)
	for name, c := range map[string]struct {
		text string
		now  time.Time
		want error
	}{
		"valid":                    {text, now, nil},
		"expired":                  {text, now.Add(TTL), ErrExpired},
		"of a clock that is ahead": {s.Seal(full(), now.Add(skew+time.Second)), now, ErrExpired},
		"a little ahead":           {s.Seal(full(), now.Add(skew)), now, nil},
		"another secret":           {newSealer("x").Seal(full(), now), now, ErrForged},
		"a grant":                  {granted, now, ErrForged},
		"empty":                    {"", now, ErrForged},
		"cut":                      {text[:len(text)-1], now, ErrForged},
		"longer":                   {text + "A", now, ErrForged},
		"padded":                   {text + "=", now, ErrForged},
		"two lines":                {text[:8] + "\n" + text[8:], now, ErrForged},
		"huge":                     {strings.Repeat("A", MaxBytes+4), now, ErrForged},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Open(c.text, c.now); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestChangedTicketIsForged(t *testing.T) {
	s := newSealer("s")
	text := []byte(s.Seal(full(), now))
	for i := range text {
		for _, c := range []byte("AB_9\n") {
			if text[i] == c {
				continue
			}
			changed := slices.Clone(text)
			changed[i] = c
			if _, err := s.Open(string(changed), now); !errors.Is(err, ErrForged) {
				t.Fatalf("%s opens as %s: %v", changed, text, err)
			}
		}
	}
}

// FuzzOpen presents anything as a ticket.
func FuzzOpen(f *testing.F) {
	s := newSealer("s")
	f.Add(s.Seal(full(), now))
	f.Add(s.Seal(&Ticket{}, now))
	f.Add(newSealer("x").Seal(full(), now))
	f.Fuzz(func(t *testing.T, text string) {
		opened, err := s.Open(text, now)
		if err == nil && opened.ID != ID(decode(t, text)) {
			t.Errorf("%q opens with another id", text)
		}
		if err != nil && opened != (Ticket{}) {
			t.Errorf("%q is refused with %v, and returned as %+v", text, err, opened)
		}
	})
}

// decode returns the bytes of a ticket after its version.
func decode(t *testing.T, text string) []byte {
	t.Helper()
	b, err := encoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b[1:]
}

// FuzzParse parses contents that someone with the secret has written, and encodes again
// what parse accepts.
func FuzzParse(f *testing.F) {
	for _, ticket := range []*Ticket{full(), {}, {User: "42"}} {
		c := ticket.content()
		f.Add(c.bytes())
	}
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, fixedBytes))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, ok := parse(b)
		if ok && !bytes.Equal(c.bytes(), b) {
			t.Errorf("%x is %+v, which is %x", b, c, c.bytes())
		}
	})
}
