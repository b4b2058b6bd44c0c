package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/echo-pull/pull/internal/notification"
)

// pushKey is what a browser needs to subscribe.
type pushKey struct {
	Key  string `json:"key"`
	User string `json:"user"`
}

// PushKey serves the key with which browsers subscribe to notifications. A page of a
// guest learns from it that nobody is logged in.
func (s *Server) PushKey(c Context) error {
	subscriber, user, err := s.authorizePush(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, pushKey{subscriber.Key(), user})
}

// Subscribe saves the subscription of a user's browser.
func (s *Server) Subscribe(c Context) error {
	return s.changeSubscription(c, notification.Subscriber.Subscribe)
}

// Unsubscribe deletes the subscription of a user's browser.
func (s *Server) Unsubscribe(c Context) error {
	return s.changeSubscription(c, notification.Subscriber.Unsubscribe)
}

// changeSubscription passes the body of a request to the pusher.
func (s *Server) changeSubscription(c Context, change func(s notification.Subscriber, ctx context.Context, user string, subscription []byte) error) error {
	subscriber, user, err := s.authorizePush(c)
	if err != nil {
		return err
	}
	if user == "" {
		return refuse(http.StatusUnauthorized, "a guest has no notifications")
	}
	if !s.allowPost(c, user) {
		return s.refuseRetry(c, http.StatusTooManyRequests, "too fast")
	}
	body, err := s.readBody(c)
	if err != nil {
		return err
	}
	var invalid *notification.SubscriptionError
	switch err := change(subscriber, c.Request().Context(), user, body); {
	case errors.As(err, &invalid):
		return refuse(http.StatusBadRequest, invalid.Reason)
	case err != nil:
		if s.reports.Allow("subscription " + err.Error()) {
			s.engine.Report(err)
		}
		return s.refuseRetry(c, http.StatusServiceUnavailable, "try again")
	}
	c.Response().WriteHeader(http.StatusNoContent)
	return nil
}

// authorizePush returns the user of a request, and the pusher if its devices are
// browsers.
func (s *Server) authorizePush(c Context) (notification.Subscriber, string, error) { //nolint:ireturn // it is Config.Pusher
	login, err := s.identify(c)
	if err != nil {
		return nil, "", err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	subscriber, ok := s.engine.Pusher().(notification.Subscriber)
	if !ok {
		return nil, "", refuse(http.StatusNotFound, "no notifications for browsers")
	}
	return subscriber, login.User, nil
}
