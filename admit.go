package pull

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

var (
	errFullForUser    = errors.New("too many connections of this user")
	errFullForAddress = errors.New("too many guests of this address")

	errHasty = errors.New("too many attempts to connect")
	errSated = errors.New("too much was replayed")
)

// admit reserves a place, or answers why there is none.
func (p *Plugin) admit(c echo.Context, pg *page) error {
	err := p.reserve(pg)
	if errors.Is(err, errHasty) {
		p.linger(c.Request())
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errFullForUser), errors.Is(err, errFullForAddress), errors.Is(err, errHasty), errors.Is(err, errSated):
		return p.refuseRetry(c, http.StatusTooManyRequests, err.Error())
	default:
		return p.refuseRetry(c, http.StatusServiceUnavailable, err.Error())
	}
}

const (
	lingerWait    = time.Second
	mostLingering = 1_000
)

// linger delays the refusal of a client that does not wait by itself: it would be
// back at once. Not of many, and not while there is much to remember of it.
func (p *Plugin) linger(r *http.Request) {
	defer p.lingering.Add(-1)
	if p.lingering.Add(1) > mostLingering || len(r.RequestURI) > longestLine || lightenHeader(r.Header) != nil {
		return
	}
	select {
	case <-time.After(lingerWait):
	case <-r.Context().Done():
	}
}

// reserve takes what a connection takes of the limits of its user or address.
func (p *Plugin) reserve(pg *page) error {
	now := time.Now()
	if !p.limits.connect(pg.payer, now) {
		return errHasty
	}
	if pg.arrival.at != nil && !p.limits.mayReplay(pg.payer, now) {
		return errSated
	}
	most, full := p.config.MaxSessionsPerUser, errFullForUser
	if isGuest(pg.payer) {
		most, full = p.config.MaxGuestsPerAddress, errFullForAddress
	}
	err := p.node.admit(pg.payer, pg.user, pg.arrival.doubtful, p.config.MaxSessions, most)
	if errors.Is(err, errFullForPayer) {
		return full
	}
	return err
}

func (p *Plugin) refuseRetry(c echo.Context, status int, reason string) *echo.HTTPError {
	c.Response().Header().Set(echo.HeaderRetryAfter, "5")
	return refuse(status, reason)
}
