package push

import (
	"strings"
	"testing"
)

// Each refused endpoint is an attempt to have the server send a request elsewhere.
func TestEndpointsAreOnTheListOnly(t *testing.T) {
	t.Parallel()
	list, err := newHostList(nil)
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, origin := range map[string]string{
		"https://fcm.googleapis.com/fcm/send/abc:APA91b":                "https://fcm.googleapis.com",
		"https://fcm.googleapis.com:443/wp/abc":                         "https://fcm.googleapis.com",
		"https://updates.push.services.mozilla.com/wpush/v2/gAAAA":      "https://updates.push.services.mozilla.com",
		"https://web.push.apple.com/QGuQyavXutnMH":                      "https://web.push.apple.com",
		"https://db5p.notify.windows.com/w/?token=BQYAAAD%2f%2bx%3d%3d": "https://db5p.notify.windows.com",

		"http://fcm.googleapis.com/fcm/send/abc":        "",
		"https://fcm.googleapis.com:8443/":              "",
		"https://fcm.googleapis.com:0443/":              "",
		"https://fcm.googleapis.com.evil.example/":      "",
		"https://evil-fcm.googleapis.com/":              "",
		"https://evilpush.apple.com/":                   "",
		"https://push.apple.com/":                       "",
		"https://.push.apple.com/":                      "",
		"https://web.push.apple.com./":                  "",
		"https://fcm.googleapis.com@evil.example/":      "",
		"https://user:pw@fcm.googleapis.com/":           "",
		"https://evil.example/#fcm.googleapis.com":      "",
		"https://fcm.googleapis.com/a#b":                "",
		"https://evil.example\\@fcm.googleapis.com/":    "",
		"https:fcm.googleapis.com/":                     "",
		"https:///fcm.googleapis.com/":                  "",
		"//fcm.googleapis.com/":                         "",
		"https://FCM.googleapis.com/":                   "",
		"HTTPS://127.0.0.1/":                            "",
		"https://127.0.0.1/":                            "",
		"https://[::1]/":                                "",
		"https://[::ffff:127.0.0.1]/":                   "",
		"https://2130706433/":                           "",
		"https://169.254.169.254/latest/meta-data/":     "",
		"https://localhost/":                            "",
		"https://fcm.googleapis.com/a b":                "",
		"https://fcm.googleapis.com/\r\nHost: evil":     "",
		"https://fcm.googleapis.com%2f.push.apple.com":  "",
		"https://fcm\u2024googleapis.com/":              "",
		"https://evil.example%EF%BC%8F.push.apple.com/": "", // a wide slash
		"https://a%E3%80%82.push.apple.com/":            "", // an ideographic full stop
		"https://evil.example,.push.apple.com/":         "",
		"https://*.push.apple.com/":                     "",
		"file:///etc/passwd":                            "",
		"":                                              "",
	} {
		got, err := list.target(endpoint)
		if origin == "" && err == nil {
			t.Errorf("%q is allowed: %+v", endpoint, got)
		}
		if origin != "" && (err != nil || got.origin != origin || "https://"+got.host != origin) {
			t.Errorf("%q: %+v, %v, want %s", endpoint, got, err, origin)
		}
	}
}

func TestHostsOfTheApplication(t *testing.T) {
	t.Parallel()
	list, err := newHostList([]string{"push.example:8443", "*.autopush.example", "[::1]:9000", "10.0.0.7"})
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, want := range map[string]bool{
		"https://push.example:8443/x":    true,
		"https://push.example/x":         false,
		"https://a.b.autopush.example/x": true,
		"https://autopush.example/x":     false,
		"https://[::1]:9000/":            true,
		"https://[::1]/":                 false,
		"https://10.0.0.7/":              true,
		"https://fcm.googleapis.com/x":   false,
	} {
		if got, err := list.target(endpoint); (err == nil) != want {
			t.Errorf("%q: %+v, %v, want allowed %t", endpoint, got, err, want)
		}
	}
	for _, wrong := range []string{"", "*", "*.", "https://push.example", "push.example/", "a.*.example", "Push.example", "user@push.example", "push.example:x", "push example"} {
		if _, err := newHostList([]string{wrong}); err == nil || !strings.Contains(err.Error(), "WebConfig.Hosts") {
			t.Errorf("%q: %v, want an error", wrong, err)
		}
	}
}

func FuzzEndpoint(f *testing.F) {
	f.Add("https://fcm.googleapis.com/fcm/send/abc")
	f.Add("https://user@web.push.apple.com:443/#x")
	f.Add("https://[::1%25eth0]:443/")
	list, err := newHostList(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, endpoint string) {
		got, err := list.target(endpoint)
		if err != nil {
			return
		}
		if !list.allows(got.host+":443") || !strings.HasPrefix(endpoint, got.origin) {
			t.Errorf("%q leads to %+v", endpoint, got)
		}
		if rest := endpoint[len(got.origin):]; rest != "" && !strings.ContainsAny(rest[:1], "/?:") {
			t.Errorf("%q leads to %+v", endpoint, got)
		}
	})
}
