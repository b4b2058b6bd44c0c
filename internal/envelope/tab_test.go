package envelope_test

import (
	"testing"

	"github.com/echo-pull/pull/internal/envelope"
)

func TestIDOfATabIsThatOfItsConnectionAndANumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ client, connection, tab string }{
		{"1-2-3-4_7", "1-2-3-4", "7"},
		{"a_b_4294967295", "a_b", "4294967295"},
		{"1-2-3-4", "1-2-3-4", ""},
		{"1-2-3-4_", "1-2-3-4_", ""},
		{"1-2-3-4_x7", "1-2-3-4_x7", ""},
		{"a_12345678901", "a_12345678901", ""},
		{"_7", "_7", ""},
		{"7", "7", ""},
		{"", "", ""},
	} {
		connection, tab := envelope.SplitTab(c.client)
		if connection != c.connection || tab != c.tab {
			t.Errorf("SplitTab(%q) = %q, %q, want %q, %q", c.client, connection, tab, c.connection, c.tab)
		}
		if got, ok := envelope.JoinTab(c.connection, c.tab); ok != (c.tab != "") || ok && got != c.client {
			t.Errorf("JoinTab(%q, %q) = %q, %t, want %q", c.connection, c.tab, got, ok, c.client)
		}
		name := []byte(envelope.SenderName(c.client, "ann"))
		if got := string(envelope.SenderTab(name, c.connection, "ann")); got != c.tab {
			t.Errorf("SenderTab(%q) = %q, want %q", name, got, c.tab)
		}
		if got := envelope.IsTabName(name); got != (c.tab != "") {
			t.Errorf("IsTabName(%q) = %t, want %t", name, got, c.tab != "")
		}
		for _, other := range [][2]string{{c.connection, "bob"}, {c.connection + "x", "ann"}, {"", "ann"}} {
			if got := envelope.SenderTab(name, other[0], other[1]); got != nil && other[0] != c.connection {
				t.Errorf("SenderTab(%q, %q, %q) = %q, want none", name, other[0], other[1], got)
			}
		}
		if got := envelope.SenderTab(name, c.connection, "bob"); got != nil {
			t.Errorf("SenderTab(%q) of another user = %q, want none", name, got)
		}
	}
}
