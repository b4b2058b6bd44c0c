package web

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

const (
	defaultPerUser    = 64
	defaultPerAddress = 1_000
)

// A Config configures a Server. Its fields are those of the plugin's Config.
type Config struct {
	Guests   bool
	Compress bool
	HTML     bool
	Shared   bool

	InspectParams bool

	DOMEvents time.Duration

	MaxSessions         int
	MaxSessionsPerUser  int
	MaxGuestsPerAddress int

	AllowedOrigins []string
	Hosts          []string
	PublicPath     string
}

// withDefaults returns the configuration with all defaults. It reduces numbers
// that are so large that adding to them could overflow.
func (c Config) withDefaults() (Config, error) {
	for name, n := range map[string]*int{
		"MaxSessions": &c.MaxSessions, "MaxSessionsPerUser": &c.MaxSessionsPerUser, "MaxGuestsPerAddress": &c.MaxGuestsPerAddress,
	} {
		if *n < 0 {
			return c, fmt.Errorf("pull: Config.%s is negative", name)
		}
		*n = min(*n, math.MaxInt/4)
	}
	c.MaxSessionsPerUser = cmp.Or(c.MaxSessionsPerUser, defaultPerUser)
	c.MaxGuestsPerAddress = cmp.Or(c.MaxGuestsPerAddress, defaultPerAddress)
	return c, nil
}

// publicLocation returns the location of PublicPath, which is empty if that is.
func (c Config) publicLocation() (location, error) {
	if c.PublicPath == "" {
		return location{}, nil
	}
	l, err := parsePublicPath(c.PublicPath)
	if err != nil {
		return location{}, fmt.Errorf("pull: Config.PublicPath %q: %w", c.PublicPath, err)
	}
	return l, nil
}
