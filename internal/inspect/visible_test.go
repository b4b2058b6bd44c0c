package inspect

import "testing"

func TestInvisibleCharactersAreShown(t *testing.T) {
	for page, want := range map[string]string{
		"<p>User 42 got it.</p>":                          "<p>User 42 got it.</p>",
		"<p>User \u202e24 got it.</p>":                    `<p>User \u202e24 got it.</p>`,
		"<input value=\"a\u200bb\"><b>a\u200bb\u2066</b>": "<input value=\"a\u200bb\">" + `<b>a\u200bb\u2066</b>`,
		"<p>é 日本 👍\u2028\xff</p>":                         `<p>é 日本 👍\u2028` + "\xff</p>",
		"\U000e0041":                                      `\ue0041`,
	} {
		if got := string(visible([]byte(page))); got != want {
			t.Errorf("%q: got %q, want %q", page, got, want)
		}
	}
}
