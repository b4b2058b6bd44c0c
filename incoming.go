package pull

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
)

// A request is what a client may say, in a frame or in a POST to watch.
type request struct {
	Extend []string `json:"extend"` // tags whose watches go on
	Seen   []string `json:"seen"`   // users whose last visit it asks for
}

const listLimit = 100 // tags or users in one request

var errRequest = errors.New("malformed request")

func parseRequest(frame []byte) (request, error) {
	var q request
	if err := json.Unmarshal(frame, &q); err != nil {
		return request{}, errRequest
	}
	if q.Extend == nil && q.Seen == nil || len(q.Extend) > listLimit || len(q.Seen) > listLimit {
		return request{}, errRequest
	}
	if envelope.CheckIDs("tag", q.Extend) != nil || envelope.CheckIDs("user", q.Seen) != nil {
		return request{}, errRequest
	}
	return q, nil
}

func (pg *page) answer(command string, params any) {
	body, err := protocol.Answer(command, params)
	if err == nil {
		pg.Push(conn.Item{Body: body})
	}
}

// watch answers what a client of a stream cannot say in a frame.
func (p *Plugin) watch(c echo.Context) error {
	user, err := p.visitor(c)
	if err != nil {
		return err
	}
	if !p.allowPost(c, user) {
		return p.refuseRetry(c, http.StatusTooManyRequests, "too fast")
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	q, err := parseRequest(body)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	if q.Extend != nil {
		answer, err := p.extend(user, q.Extend)
		if err != nil {
			return p.refuseRetry(c, http.StatusServiceUnavailable, "try again")
		}
		return c.JSON(http.StatusOK, answer)
	}
	return c.JSON(http.StatusOK, p.node.seen(user, q.Seen))
}

func readBody(c echo.Context) ([]byte, error) {
	unbound := boundReading(c)
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, conn.IncomingBytes+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, "the body has not come in time")
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "unreadable body")
	case len(body) > conn.IncomingBytes:
		return nil, refuse(http.StatusRequestEntityTooLarge, "16 KiB at most")
	}
	unbound() // else the server's own reading ends in time, too
	return body, nil
}

// allow tells whether a page may send one more request now: the connection, and
// all of its payer's together with those that have ended.
func (p *Plugin) allow(s *session, payer string) bool {
	now := time.Now()
	return s.Allow(now) && p.limits.request(payer, p.node.seatsOf(payer), now)
}

// allowPost is allow for a request of its own, which may name a page of the user.
func (p *Plugin) allowPost(c echo.Context, user string) bool {
	payer := payerOf(c, user)
	if s := p.node.sessionOf(user, c.Request().Header.Get(HeaderClient)); s != nil {
		return p.allow(s, payer)
	}
	return p.limits.request(payer, p.node.seatsOf(payer), time.Now())
}
