package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/publication"
	"github.com/echo-pull/pull/internal/publish"
)

// publishing serves the requests of other services that publish events.
type publishing struct {
	server    *Server
	keys      [][sha256.Size]byte // hashes of the keys
	scope     []byte              // of idempotency keys: the first key
	modules   []string            // that may be published, in lower case
	bodyBytes int
}

// publishWait is how long a request waits for the log.
const publishWait = 10 * time.Second

const headerIdempotency = "Idempotency-Key"

// PublishHandler returns a handler for the requests of other services. It panics if
// the configuration is unusable.
func (s *Server) PublishHandler(c PublishConfig) func(Context) error {
	p, err := newPublishing(s, c)
	if err != nil {
		panic(err)
	}
	return withBoundBody(p.serve)
}

// published is the response to a request whose events are in the log.
type published struct {
	Cursor string `json:"cursor"`
}

// A publishError is the response to any other request.
type publishError struct {
	status int

	Message string `json:"message"`
	Line    int    `json:"line,omitempty"`
	Field   string `json:"field,omitempty"`
}

func (e *publishError) Error() string { return e.Message }

func (p *publishing) serve(c Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	cursor, err := p.publish(c)
	var (
		refusal *RefusalError
		wrong   *publishError
	)
	switch {
	case errors.As(err, &wrong):
		return c.JSON(wrong.status, wrong)
	case errors.As(err, &refusal):
		return c.JSON(refusal.Status, publishError{Message: refusal.Reason})
	case err != nil:
		return err
	}
	return c.JSON(http.StatusOK, published{cursor.String()})
}

// publish publishes the events of a request.
func (p *publishing) publish(c Context) (envelope.Cursor, error) {
	if err := p.authorize(c); err != nil {
		return envelope.Cursor{}, err
	}
	parse, err := parserOf(c.Request())
	if err != nil {
		return envelope.Cursor{}, err
	}
	key, err := p.keyOf(c.Request())
	if err != nil {
		return envelope.Cursor{}, err
	}
	body, err := p.read(c)
	if err != nil {
		return envelope.Cursor{}, err
	}
	lines, err := parse(body)
	if err != nil {
		return envelope.Cursor{}, refuseLine(err)
	}
	if err := p.checkModules(c.Request(), lines); err != nil {
		return envelope.Cursor{}, err
	}
	sum := sha256.Sum256(body)
	ctx, cancel := context.WithTimeout(c.Request().Context(), publishWait)
	defer cancel()
	cursor, err := p.server.engine.Publish(ctx, &engine.Publication{Key: key, Content: envelope.ContentHash(sum[:]), Lines: lines})
	return cursor, p.refusalOf(c, err)
}

// authorize returns the refusal of a request without a valid key.
func (p *publishing) authorize(c Context) error {
	challenge := "Bearer"
	scheme, token, _ := strings.Cut(c.Request().Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		sum, valid := sha256.Sum256([]byte(strings.TrimLeft(token, " "))), 0
		for i := range p.keys {
			valid |= subtle.ConstantTimeCompare(sum[:], p.keys[i][:])
		}
		if valid == 1 {
			return nil
		}
		challenge = `Bearer error="invalid_token"`
	}
	c.Response().Header().Set("WWW-Authenticate", challenge)
	return refuse(http.StatusUnauthorized, "no key, or one that is not valid: want Authorization: Bearer KEY")
}

const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
)

// mediaType returns the type of a request's body.
func mediaType(r *http.Request) string {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // "" is no type that is supported
	return t
}

// parserOf returns what parses the body of a request.
func parserOf(r *http.Request) (func([]byte) ([]publication.Line, error), error) {
	switch mediaType(r) {
	case typeJSON:
		return publication.ParseLine, nil
	case typeNDJSON:
		return publication.ParseLines, nil
	}
	return nil, refuse(http.StatusUnsupportedMediaType, "want Content-Type "+typeJSON+" or "+typeNDJSON)
}

// keyOf returns the name of a request: a hash of its idempotency key, or a random one.
func (p *publishing) keyOf(r *http.Request) (key envelope.RequestKey, err error) {
	names := r.Header.Values(headerIdempotency)
	if len(names) == 0 {
		_, _ = rand.Read(key[:]) // it never fails
		return key, nil
	}
	if len(names) > 1 || !isVisible(names[0]) {
		return key, refuse(http.StatusBadRequest, headerIdempotency+": want 1 to 255 visible characters of ASCII, once")
	}
	sum := hmac.New(sha256.New, p.scope)
	_, _ = sum.Write([]byte("pull: request\n" + names[0]))
	copy(key[:], sum.Sum(nil))
	return key, nil
}

func isVisible(name string) bool {
	invisible := func(r rune) bool { return r <= ' ' || r > '~' }
	return name != "" && len(name) <= maxIdempotencyKey && !strings.ContainsFunc(name, invisible)
}

// read returns the body of a request.
func (p *publishing) read(c Context) ([]byte, error) {
	tooLarge := fmt.Sprintf("%d bytes at most", p.bodyBytes)
	if c.Request().ContentLength > int64(p.bodyBytes) {
		return nil, refuse(http.StatusRequestEntityTooLarge, tooLarge)
	}
	return readUpTo(c, p.bodyBytes, tooLarge)
}

// refuseLine returns the refusal of a body that cannot be parsed.
func refuseLine(err error) error {
	var wrong *publication.Error
	switch {
	case errors.As(err, &wrong):
		return &publishError{http.StatusBadRequest, refuse(http.StatusBadRequest, wrong.Error()).Reason, wrong.Line, wrong.Field}
	case errors.Is(err, publication.ErrTooMany):
		return refuse(http.StatusRequestEntityTooLarge, err.Error())
	}
	return refuse(http.StatusBadRequest, err.Error())
}

// checkModules returns the refusal if one of the events may not be published.
func (p *publishing) checkModules(r *http.Request, lines []publication.Line) error {
	for i := range lines {
		if id := lines[i].Event.Module; !slices.Contains(p.modules, id) {
			return lineError(http.StatusForbidden, numberOf(r, i), "event.module", fmt.Sprintf("%q is not allowed with this key", id))
		}
	}
	return nil
}

// numberOf returns the number of a line, which a single event has not.
func numberOf(r *http.Request, index int) int {
	if mediaType(r) != typeNDJSON {
		return 0
	}
	return index + 1
}

// lineError returns the refusal of an event.
func lineError(status, line int, field, reason string) *publishError {
	at := publication.Error{Line: line, Field: field, Reason: reason}
	return &publishError{status, refuse(status, at.Error()).Reason, line, field}
}

// refusalOf returns the refusal for an error of the engine.
func (p *publishing) refusalOf(c Context, err error) error {
	var (
		line *engine.LineError
		size *event.SizeError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &line):
		return refuseEvent(line.Err, numberOf(c.Request(), line.Index))
	case errors.As(err, &size):
		return refuse(http.StatusRequestEntityTooLarge, "the events are too large together")
	case errors.Is(err, engine.ErrOtherContent):
		return refuse(http.StatusUnprocessableEntity, "another request had this "+headerIdempotency)
	case errors.Is(err, publish.ErrQueueFull):
		return p.server.refuseRetry(c, http.StatusTooManyRequests, "the queue is full, nothing was published")
	case errors.Is(err, engine.ErrUndecided):
		return p.server.refuseRetry(c, http.StatusServiceUnavailable,
			"the log has not taken the events in time, but it may have a part of them, or get them later: repeat the request with the same "+headerIdempotency)
	case errors.Is(err, publish.ErrClosed):
		return p.server.refuseRetry(c, http.StatusServiceUnavailable, "the server shuts down, nothing was published")
	}
	return err
}

// refuseEvent returns the refusal of an event that cannot be sent.
func refuseEvent(err error, line int) error {
	var (
		size   *event.SizeError
		params *event.ParamsError
	)
	status, field := http.StatusBadRequest, "event"
	switch {
	case errors.Is(err, engine.ErrUnknownModule):
		field = "event.module"
	case errors.Is(err, engine.ErrNoPusher):
		field = "event.push"
	case errors.As(err, &params):
		field = "event.params"
	case errors.As(err, &size):
		status = http.StatusRequestEntityTooLarge
	}
	return lineError(status, line, field, strings.TrimPrefix(err.Error(), "pull: "))
}
