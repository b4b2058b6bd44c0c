package web

import (
	"errors"
	"net/url"
	"strings"
)

// A location is where browsers find the plugin: a path, or a path on another
// site, in which parameters of the route stand for what the request has there.
type location struct {
	site  string // scheme and host; empty on the page's own site
	parts []part
}

// A part of a path is text, escaped as browsers send it, or a parameter.
type part struct{ text, parameter string }

// routeLocation returns the location of a route of Echo's.
func routeLocation(route string) location {
	return location{parts: splitPath(route, func(s string) string { return (&url.URL{Path: s}).EscapedPath() })}
}

// publicLocation returns the location that Config.PublicPath gives.
func publicLocation(public string) (location, error) {
	u, err := url.Parse(public)
	switch {
	case err != nil:
		return location{}, errors.Unwrap(err)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(public, "#"):
		return location{}, errors.New("it must not contain a user, query or fragment")
	case strings.ContainsAny(u.Host+u.Path, `*\`):
		return location{}, errors.New("it must not contain a wildcard or backslash")
	case strings.Contains(u.Path+"/", ":/"):
		return location{}, errors.New("a parameter must have a name")
	}
	if _, err := canonicalPort(u); err != nil {
		return location{}, err
	}
	var l location
	if u.Scheme != "" || u.Host != "" {
		if u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
			return location{}, errors.New("a URL must be http or https with a host")
		}
		l.site = u.Scheme + "://" + u.Host
	} else if !strings.HasPrefix(u.Path, "/") {
		return location{}, errors.New("a path must begin with a slash")
	}
	l.parts = splitPath("/"+strings.TrimPrefix(u.EscapedPath(), "/"), func(s string) string { return s })
	return l, nil
}

// splitPath splits a path as Echo's router does: a parameter lasts from a colon
// to the next slash, and a backslash makes a colon text.
func splitPath(path string, escape func(string) string) []part {
	var parts []part
	var text strings.Builder
	for path != "" {
		at := strings.IndexByte(path, ':')
		if at < 0 {
			break
		}
		if before, escaped := strings.CutSuffix(path[:at], `\`); escaped {
			text.WriteString(before + ":")
			path = path[at+1:]
			continue
		}
		text.WriteString(path[:at])
		name, _, _ := strings.Cut(path[at+1:], "/")
		parts = append(parts, part{text: escape(text.String())}, part{parameter: name})
		text.Reset()
		path = path[at+1+len(name):]
	}
	text.WriteString(path)
	return append(parts, part{text: escape(text.String())})
}

// fill returns the location with the values of a request's parameters, or the
// name of one that the request lacks. No path names another host.
func (l location) fill(value func(parameter string) string) (filled, missing string) {
	var b strings.Builder
	for _, p := range l.parts {
		if p.parameter == "" {
			b.WriteString(p.text)
			continue
		}
		v := value(p.parameter)
		if v == "" {
			return "", p.parameter
		}
		b.WriteString(v)
	}
	path := b.String()
	if l.site == "" && strings.HasPrefix(path, "//") {
		path = "/." + path // the same path; two slashes would begin a host
	}
	return l.site + path, ""
}

// asInAddress writes the value of a parameter as the address of the request has
// it. Echo takes values from the path as it was sent where that has another
// encoding than the usual.
func asInAddress(u *url.URL, value string) string {
	v := url.URL{Path: value}
	if plain, err := url.PathUnescape(value); err == nil && u.RawPath != "" {
		v = url.URL{Path: plain, RawPath: value}
	}
	return v.EscapedPath()
}

// below returns the location of a file under a mount.
func below(mount, name string) string { return strings.TrimSuffix(mount, "/") + "/" + name }
