package push

import "testing"

func TestSubject(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]bool{
		"mailto:ops@example.com":          true,
		"mailto:push+ops@mail.example.de": true,
		"https://example.com":             true,
		"https://example.com/contact?x=1": true,
		"https://xn--bcher-kva.example":   true,

		"":                              false,
		"ops@example.com":               false, // web-push-php and others fail at Apple with it
		"mailto:":                       false,
		"mailto: ops@example.com":       false, // Apple: BadJwtToken
		"mailto:<ops@example.com>":      false,
		"mailto:Ops <ops@example.com>":  false,
		"mailto:ops@localhost":          false,
		"mailto:ops@myapp.local":        false,
		"mailto:ops@[127.0.0.1]":        false,
		"mailto:a@example.com,b@ex.com": false,
		"http://example.com":            false,
		"https://localhost":             false,
		"https://localhost:8080":        false,
		"https://app.localhost":         false,
		"https://127.0.0.1":             false,
		"https://[::1]":                 false,
		"https://":                      false,
		"https://example.com.":          false,
		"https://ops:pw@example.com":    false,
	} {
		if err := checkSubject(subject); (err == nil) != want {
			t.Errorf("%q: %v, want valid %t", subject, err, want)
		}
	}
}
