package push

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// An addressError is a push service at an address to which nothing is sent.
type addressError struct{ address string }

func (e *addressError) Error() string { return "the address " + e.address + " is not public" }

// guardedClient returns a client that connects only to public addresses. It
// checks the address to which it connects, after the name has been resolved, so
// that a name that resolves to another address the second time gains nothing. It
// knows no proxies and keeps no cookies.
func guardedClient(perHost int, timeout time.Duration) *http.Client {
	guard := newGuard()
	dialer := &net.Dialer{
		Timeout: min(timeout, 10*time.Second), KeepAlive: 30 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error { return guard.check(address) },
	}
	return &http.Client{Transport: &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second}, // finds dead connections
		TLSHandshakeTimeout:    10 * time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           4 * perHost,
		MaxIdleConnsPerHost:    perHost, // for services without HTTP/2
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}}
}

// A guard knows which addresses are public.
type guard struct {
	unicast netip.Prefix   // global IPv6
	nat64   netip.Prefix   // IPv4 behind a translator
	special []netip.Prefix // exceptions in the public ranges
}

func newGuard() *guard {
	g := &guard{unicast: netip.MustParsePrefix("2000::/3"), nat64: netip.MustParsePrefix("64:ff9b::/96")}
	for _, prefix := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"168.63.129.16/32", // metadata of Azure, in a public range
		"2001::/23",        // Teredo, ORCHID and others
		"2001:db8::/32", "3fff::/20",
		"2002::/16", // 6to4, which contains IPv4 addresses
	} {
		g.special = append(g.special, netip.MustParsePrefix(prefix))
	}
	return g
}

// check returns an error unless "address:port" is public.
func (g *guard) check(address string) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("push: dial: %w", err)
	}
	if !g.isPublic(parsed.Addr()) {
		return &addressError{address: parsed.Addr().String()}
	}
	return nil
}

func (g *guard) isPublic(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if g.nat64.Contains(a) { // where the network has IPv6 only, this is the way to IPv4
		bytes := a.As16()
		a = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !g.unicast.Contains(a) {
		return false
	}
	for _, prefix := range g.special {
		if prefix.Contains(a) {
			return false
		}
	}
	return true
}
