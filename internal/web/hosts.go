package web

import (
	"errors"
	"fmt"
	"strings"

	"github.com/echo-pull/pull/internal/oplog"
	"github.com/echo-pull/pull/internal/rate"
)

// hosts are the hosts under which the application is reachable. An empty set
// includes all.
type hosts map[string]bool

// parseHosts returns the configured hosts in the form that browsers use, or an
// error if one is invalid.
func parseHosts(configured []string) (hosts, error) {
	h := make(hosts, len(configured))
	for _, host := range configured {
		name, err := canonicalName(host)
		if err != nil {
			return nil, fmt.Errorf("pull: Config.Hosts: %q: %w", host, err)
		}
		h[name] = true
	}
	return h, nil
}

// canonicalName returns host or host:port in the form that browsers use.
func canonicalName(host string) (string, error) {
	if host == "" || strings.ContainsAny(host, "/?#@*") {
		return "", errors.New("a host must be a name or an address, with or without a port")
	}
	origin, err := canonicalOrigin("http://" + host)
	if err != nil {
		return "", err
	}
	name := strings.TrimPrefix(origin, "http://")
	if strings.HasSuffix(host, ":80") { // an origin omits it
		name += ":80"
	}
	return name, nil
}

// has reports whether a Host header names one of the hosts.
func (h hosts) has(host string) bool {
	if len(h) == 0 {
		return true
	}
	name, err := canonicalName(host)
	return err == nil && (h[name] || h[withoutPort(name)])
}

func withoutPort(name string) string {
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, ']') {
		return name[:colon]
	}
	return name
}

// reportHost logs that a host was refused.
func (s *Server) reportHost(host string) {
	if s.reports.Allow("host " + host) {
		oplog.ForeignHost.Log(s.engine.Logger(), rate.Clip(host))
	}
}
