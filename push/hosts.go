package push

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// browserHosts are the push services of Chromium and its relatives, Firefox,
// Safari, and Edge on Windows.
func browserHosts() []string {
	return []string{
		"fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com",
	}
}

// A hostList lists where notifications may be sent: "host:port", or "*.host:port"
// for all hosts below one.
type hostList []string

func newHostList(hosts []string) (hostList, error) {
	if len(hosts) == 0 {
		hosts = browserHosts()
	}
	var list hostList
	for _, host := range hosts {
		name := strings.TrimPrefix(host, "*.")
		u, err := url.Parse("https://" + name)
		if err != nil || u.Host != name || u.Hostname() == "" || strings.ContainsAny(name, "*@") || name != strings.ToLower(name) {
			return nil, fmt.Errorf("push: WebConfig.Hosts: %q is not a host in lower case, *.host or host:port", host)
		}
		if u.Port() == "" {
			host += ":443"
		}
		list = append(list, host)
	}
	return list, nil
}

func (l hostList) allows(address string) bool {
	for _, entry := range l {
		below, wild := strings.CutPrefix(entry, "*")
		if address == entry || wild && len(address) > len(below) && strings.HasSuffix(address, below) {
			return true
		}
	}
	return false
}

// A target is where the requests to an endpoint go.
type target struct {
	host   string // as in errors, with the port if it is not 443
	origin string // https://host
}

// target checks an endpoint and returns where its requests go. Errors are for the
// client, so they contain nothing private.
func (l hostList) target(endpoint string) (target, error) {
	if strings.ContainsFunc(endpoint, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return target{}, errors.New("the endpoint is not a URL")
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return target{}, errors.New("the endpoint is not a URL")
	case u.Scheme != "https" || u.Host == "":
		return target{}, errors.New("the endpoint is not an https URL")
	case u.User != nil || strings.Contains(endpoint, "#"):
		return target{}, errors.New("the endpoint contains a user or a fragment")
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	name := u.Hostname()
	if strings.ContainsFunc(name, isNoHostRune) { // url.Parse has decoded %EF%BC%8F, which a proxy may take for a slash
		return target{}, errors.New("the endpoint is not a URL")
	}
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(number, 10) != port || !l.allows(name+":"+port) {
		return target{}, fmt.Errorf("the push service %q is not allowed here", u.Host)
	}
	host := name
	if port != "443" {
		host += ":" + port
	}
	return target{host: host, origin: "https://" + host}, nil
}

// isNoHostRune reports whether neither a name nor an address has the character.
func isNoHostRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-:", r)
}
