package push

import (
	"fmt"
	"net/mail"
	"net/url"
	"strings"
)

// checkSubject returns an error unless the operator of a push service can use the
// subject (RFC 8292, section 2.1). Apple's refuses all messages whose subject is
// malformed or at localhost, as BadJwtToken.
func checkSubject(subject string) error {
	var host string
	if address, found := strings.CutPrefix(subject, "mailto:"); found {
		parsed, err := mail.ParseAddress(address)
		if err != nil || parsed.Address != address {
			return fmt.Errorf("push: WebConfig.Subject %q: want mailto: and an e-mail address, without a name, <, > and spaces", subject)
		}
		host = address[strings.LastIndexByte(address, '@')+1:]
	} else {
		u, err := url.Parse(subject)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return fmt.Errorf("push: WebConfig.Subject %q: want mailto:someone@… or https://…, where the application's operator can be reached", subject)
		}
		host = u.Hostname()
	}
	if !isPublicName(strings.ToLower(host)) {
		return fmt.Errorf("push: WebConfig.Subject %q: %s is no public host, and push services refuse such subjects", subject, host)
	}
	return nil
}

// isPublicName reports whether a host may be known everywhere.
func isPublicName(host string) bool {
	_, last, found := strings.Cut(host, ".")
	for strings.Contains(last, ".") {
		_, last, _ = strings.Cut(last, ".")
	}
	switch {
	case !found, last == "", last == "localhost", last == "local", last == "internal", last == "localdomain":
		return false
	}
	return strings.ContainsAny(last[:1], "abcdefghijklmnopqrstuvwxyz") // not an address
}
