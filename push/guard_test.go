package push

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestGuardLetsOnlyPublicAddressesPass(t *testing.T) {
	t.Parallel()
	g := newGuard()
	for address, want := range map[string]bool{
		"142.250.74.10":              true,
		"8.8.8.8":                    true,
		"2a00:1450:4001:82a::200a":   true,
		"::ffff:8.8.8.8":             true,
		"64:ff9b::8efa:4a0a":         true, // 142.250.74.10 behind NAT64
		"17.188.143.34":              true,
		"172.15.255.255":             true,
		"100.63.255.255":             true,
		"127.0.0.1":                  false,
		"127.255.255.254":            false,
		"::1":                        false,
		"0.0.0.0":                    false,
		"0.1.2.3":                    false,
		"::":                         false,
		"10.1.2.3":                   false,
		"172.16.0.1":                 false,
		"192.168.1.1":                false,
		"169.254.169.254":            false, // metadata of AWS, GCP and Azure
		"fd00:ec2::254":              false, // of AWS
		"100.100.100.200":            false, // of Alibaba
		"168.63.129.16":              false, // of Azure
		"192.0.0.192":                false, // of Oracle
		"100.64.0.1":                 false,
		"100.127.255.255":            false,
		"192.0.2.1":                  false,
		"192.88.99.1":                false,
		"198.18.0.1":                 false,
		"198.51.100.1":               false,
		"203.0.113.1":                false,
		"224.0.0.1":                  false,
		"240.0.0.1":                  false,
		"255.255.255.255":            false,
		"ff02::1":                    false,
		"fe80::1":                    false,
		"fe80::1%eth0":               false,
		"fc00::1":                    false,
		"fd12:3456::1":               false,
		"fec0::1":                    false,
		"::ffff:127.0.0.1":           false,
		"::ffff:10.0.0.1":            false,
		"::127.0.0.1":                false, // IPv4-compatible
		"64:ff9b::7f00:1":            false, // 127.0.0.1 behind NAT64
		"64:ff9b::a9fe:a9fe":         false, // 169.254.169.254
		"64:ff9b:1::808:808":         false,
		"2002:7f00:1::":              false, // 6to4
		"2002:808:808::1":            false,
		"2001:0:4136:e378::1":        false, // Teredo
		"2001:db8::1":                false,
		"3fff::1":                    false,
		"5f00::1":                    false,
		"100::1":                     false,
		"2001:20::1":                 false,
		"2001:4860:4860::8888":       true,
		"2620:149:208:430a::10%eth0": true,
	} {
		bracketed := address
		if strings.Contains(address, ":") {
			bracketed = "[" + address + "]"
		}
		err := g.check(bracketed + ":443")
		if (err == nil) != want || err != nil && !errors.As(err, new(*addressError)) {
			t.Errorf("%s: %v, want public %t", address, err, want)
		}
	}
	for _, wrong := range []string{"", "localhost:443", "1.2.3.4", "1.2.3:443"} {
		if g.check(wrong) == nil {
			t.Errorf("%q passes", wrong)
		}
	}
}

// The name is on the list, but resolves to this machine.
func TestGuardedClientConnectsToNoPrivateAddress(t *testing.T) {
	t.Parallel()
	reached := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	client := guardedClient(1, 5*time.Second)
	defer client.CloseIdleConnections()
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		url := "https://" + host + server.URL[strings.LastIndexByte(server.URL, ':'):]
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, nil)
		if err != nil {
			t.Fatal(err)
		}

		response, err := client.Do(request)

		if err == nil {
			_ = response.Body.Close()
		}
		if !errors.As(err, new(*addressError)) {
			t.Errorf("%s: %v, want an address that is not public", host, err)
		}
	}
	if reached {
		t.Error("the server got a request")
	}
}

func TestGuardedClientIgnoresProxies(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	if transport := guardedClient(1, time.Second).Transport.(*http.Transport); transport.Proxy != nil {
		t.Error("it has a proxy")
	}
}
