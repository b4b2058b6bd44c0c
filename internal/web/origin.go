package web

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// origins are the sites besides the application's own whose pages may connect.
type origins struct {
	exact map[string]bool
	below []domain
}

// A domain is every host below a name.
type domain struct{ scheme, suffix string } // "https://" and ".shop.example:8443"

const anyLabels = "*."

// parseOrigins returns the configured sites as browsers write them, or why one
// of them could never match.
func parseOrigins(configured []string) (origins, error) {
	o := origins{exact: make(map[string]bool, len(configured))}
	for _, site := range configured {
		if err := o.add(site); err != nil {
			return origins{}, fmt.Errorf("pull: Config.AllowedOrigins: %q: %w", site, err)
		}
	}
	return o, nil
}

func (o *origins) add(site string) error {
	scheme, host, wild := strings.Cut(site, "://"+anyLabels)
	if wild {
		site = scheme + "://" + host
	}
	if strings.Contains(site, "*") {
		return errors.New("a * is allowed only for whole labels before a domain, as in https://*.shop.example")
	}
	origin, err := canonicalOrigin(site)
	if err != nil || !wild {
		o.exact[origin] = true
		return err
	}
	scheme, host, _ = strings.Cut(origin, "://")
	if isAddress(host) {
		return errors.New("a * is not allowed before an IP address")
	}
	o.below = append(o.below, domain{scheme + "://", "." + host})
	return nil
}

// has tells whether pages of a canonical origin may connect.
func (o *origins) has(origin string) bool {
	for _, d := range o.below {
		host, ok := strings.CutPrefix(origin, d.scheme)
		if ok && len(host) > len(d.suffix) && strings.HasSuffix(host, d.suffix) {
			return true
		}
	}
	return o.exact[origin]
}

// canonicalOrigin returns an origin as browsers send it: lower case, an IP address
// in its short form, no default port. Its errors say why no browser would send such an origin.
// See https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin.
func canonicalOrigin(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case s == "null":
		return "", errors.New("null is the origin of every page without one, and cannot be allowed")
	case err != nil:
		return "", errors.Unwrap(err)
	case u.Scheme == "" || u.Hostname() == "":
		return "", errors.New("an origin must be scheme://host, as in https://shop.example")
	case u.User != nil:
		return "", errors.New("an origin must not contain a user")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(s, "#"):
		return "", errors.New("an origin must not contain a path, query or fragment")
	}
	switch u.Scheme {
	case "http", "https":
	case "ws", "wss":
		return "", errors.New("the origin of a page must be http or https, also for a WebSocket")
	case "file", "data", "blob", "about", "javascript":
		return "", fmt.Errorf("browsers send null for a page of %s", u.Scheme)
	default: // extensions and apps: capacitor://localhost
		return u.Scheme + "://" + strings.ToLower(u.Host), nil
	}
	host, err := canonicalHost(u)
	if err != nil {
		return "", err
	}
	port, err := canonicalPort(u)
	return u.Scheme + "://" + host + port, err
}

func isHostRune(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '.' || r == '-' || r == '_'
}

// endsInNumber matches what browsers take for an IPv4 address.
var endsInNumber = regexp.MustCompile(`(?i)(^|\.)(\d+|0x[0-9a-f]*)\.?$`)

func canonicalHost(u *url.URL) (string, error) {
	if strings.HasPrefix(u.Host, "[") {
		return canonicalIPv6(u.Hostname())
	}
	host := strings.ToLower(u.Hostname())
	switch {
	case strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }):
		return "", errors.New("an international name must be written in Punycode, as browsers send it, https://xn--…")
	case strings.ContainsFunc(host, func(r rune) bool { return !isHostRune(r) }):
		return "", fmt.Errorf("%q is not a host name", host)
	}
	if !endsInNumber.MatchString(host) {
		return host, nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "", fmt.Errorf("%q is not an IPv4 address of four decimal numbers", host)
	}
	return ip.String(), nil
}

func canonicalIPv6(host string) (string, error) {
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil || !ip.Is6() || ip.Zone() != "":
		return "", fmt.Errorf("%q is not an IPv6 address without a zone", host)
	case ip.Is4In6():
		b := ip.As16()
		return fmt.Sprintf("[::ffff:%x:%x]", uint(b[12])<<8|uint(b[13]), uint(b[14])<<8|uint(b[15])), nil
	}
	return "[" + ip.String() + "]", nil
}

func canonicalPort(u *url.URL) (string, error) {
	if u.Port() == "" {
		return "", nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return "", fmt.Errorf("%s is not a port", u.Port())
	}
	if u.Scheme == "http" && port == 80 || u.Scheme == "https" && port == 443 {
		return "", nil
	}
	return ":" + strconv.FormatUint(port, 10), nil
}

// isAddress tells whether a canonical host, with or without a port, is an IP address.
func isAddress(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	return strings.HasPrefix(host, "[") || endsInNumber.MatchString(name)
}
