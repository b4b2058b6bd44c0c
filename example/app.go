package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// An app is the shared task list and the chat about it.
type app struct {
	pull    *pull.Plugin
	tasks   store
	devices devices
}

// page renders the template with the name of the route. The page's client
// connects from the position at which this request began, so that it misses no
// event in between. From then on the user receives what is sent to the page's
// address, until the page stops extending its watch.
func (a *app) page(c pull.Context) error {
	tasks, err := a.tasks.all(c.Request().Context())
	if err != nil {
		return err
	}
	id := c.Param("id")
	if _, ok := tasks.Tasks[id]; id != "" && !ok {
		return errGone
	}
	if err := c.Pull().Watch(c.Request().URL.Path); err != nil {
		return err
	}
	data := map[string]any{"Head": head(c, a.pull), "Request": c, "List": tasks, "Task": tasks.Tasks[id]}
	return c.Render(http.StatusOK, c.Path(), data)
}

// save stores a task that a page has sent, and notifies everyone.
func (a *app) save(c pull.Context) error {
	title, err := text(c, "title")
	if err != nil {
		return err
	}
	t := task{ID: c.Param("id"), Title: title, Done: c.FormValue("done") == "true"}
	if t.ID == "" {
		t.ID = time.Now().UTC().Format("20060102-150405.000000-") + rand.Text()[:8]
		return a.tasks.add(c.Request().Context(), t, announce(c, taskSaved, auditSaved))
	}
	return a.tasks.update(c.Request().Context(), t, announce(c, taskSaved, auditSaved))
}

// remove deletes a task, and notifies everyone.
func (a *app) remove(c pull.Context) error {
	return a.tasks.remove(c.Request().Context(), c.Param("id"), announce(c, taskDeleted, auditDeleted))
}

// announce returns a function that sends a change to everyone, and to the admin
// page with its author. Both events leave together: with the transaction, or else
// when the handler has succeeded.
func announce(c pull.Context, shared pull.Definition[task], audit pull.Definition[change]) announcer {
	return func(tx pull.Tx, t task) error {
		send := c.Pull().Send
		if tx != nil {
			send = func(to pull.Target, e pull.Event) error { return c.Pull().SendTx(tx, to, e) }
		}
		return errors.Join(
			send(pull.Shared(), shared.Event(t)),
			send(pull.Tag("/admin"), audit.Event(change{By: c.Get("user").(string), Task: t})))
	}
}

// say sends a message. If the handler fails afterwards, nobody receives it.
func (a *app) say(c pull.Context) error {
	words, err := text(c, "text")
	if err != nil {
		return err
	}
	from, to, at := c.Get("user").(string), recipient(c.FormValue("to")), c.FormValue("at")
	target, err := a.target(c, from, to, at)
	if err != nil {
		return err
	}
	err = messageSent.Send(c.Pull(), target, message{From: from, To: to, At: at, Text: words})
	if to == toUser && at != from { // not also to the sender, who is at the target, too
		err = errors.Join(err, c.Pull().Send(pull.User(at), pull.Event{Module: "im", Push: notification(from, words)}))
	}
	if c.FormValue("fail") != "" {
		return echo.NewHTTPError(http.StatusConflict, "the handler failed after Send")
	}
	return err
}

// target returns the recipients of a message: everyone, a user and all pages of
// the sender, or the users who look at a page. It never guesses, so that a message
// for one user cannot reach everyone.
func (a *app) target(c pull.Context, from string, to recipient, at string) (pull.Target, error) {
	switch {
	case to == everyone && at == "":
		return pull.Shared(), nil
	case to == onPage && at != "":
		return pull.Tag(at), nil
	case to != toUser || at == "":
		return pull.Target{}, echo.NewHTTPError(http.StatusBadRequest, "a message is for everyone, for a user or for a page")
	case a.pull.Presence().Online(at)[at]:
		return pull.User(from, at), nil
	}
	subscribed, err := a.devices.Of(c.Request().Context(), at)
	if err == nil && len(subscribed) == 0 {
		err = echo.NewHTTPError(http.StatusConflict, at+" has left: nothing was sent")
	}
	return pull.User(from, at), err
}

// subscribers lists the users with notifications, whom a message reaches when they
// are away.
func (a *app) subscribers(c pull.Context) error {
	const most = 500
	users, err := a.devices.Users(c.Request().Context(), "", most)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"users": users})
}

// text returns a field of the form, which must not be empty or too long.
func text(c pull.Context, field string) (string, error) {
	const most = 200
	value := strings.TrimSpace(c.FormValue(field))
	switch {
	case value == "":
		return "", echo.NewHTTPError(http.StatusBadRequest, "the "+field+" is empty")
	case utf8.RuneCountInString(value) > most:
		return "", echo.NewHTTPError(http.StatusBadRequest, fmt.Sprintf("the %s has more than %d characters", field, most))
	}
	return value, nil
}
