package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// An app is the shared task list and the chat about it.
type app struct {
	pull  *pull.Plugin
	tasks *list
	turn  sync.Mutex // held while a change happens
}

// inTurn runs one change at a time. The form is read first, so that nobody waits
// for a slow client.
func (a *app) inTurn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := readForm(c); err != nil {
			return err
		}
		a.turn.Lock()
		defer a.turn.Unlock()
		return next(c)
	}
}

// page renders the template with the name of the route. The page's client
// connects from the position at which this request began, so that it misses no
// event in between. From then on the user receives what is sent to the page's
// address, until the page stops extending its watch.
func (a *app) page(c pull.Context) error {
	tasks := a.tasks.all()
	id := c.Param("id")
	if _, ok := tasks[id]; id != "" && !ok {
		return errGone
	}
	if err := c.Pull().Watch(c.Request().URL.Path); err != nil {
		return err
	}
	data := map[string]any{"Head": head(c, a.pull), "Request": c, "Tasks": tasks, "Task": tasks[id]}
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
		t.ID = time.Now().Format("20060102-150405.000000")
	} else if _, ok := a.tasks.all()[t.ID]; !ok {
		return errGone
	}
	if err := announce(c, "save", t); err != nil {
		return err
	}
	return a.tasks.put(t)
}

// remove deletes a task, and notifies everyone.
func (a *app) remove(c pull.Context) error {
	t, ok := a.tasks.all()[c.Param("id")]
	if !ok {
		return errGone
	}
	if err := announce(c, "delete", t); err != nil {
		return err
	}
	return a.tasks.remove(t.ID)
}

// announce sends a change to everyone, and to the admin page with its author.
// Both events are published together when the handler has succeeded.
func announce(c pull.Context, command string, t task) error {
	by := map[string]any{"by": c.Get("user"), "task": t}
	return errors.Join(
		c.Pull().Send(pull.Shared(), pull.Event{Module: "tasks", Command: command, Params: t}),
		c.Pull().Send(pull.Tag("/admin"), pull.Event{Module: "audit", Command: command, Params: by}))
}

// say sends a message. If the handler fails afterwards, nobody receives it.
func (a *app) say(c pull.Context) error {
	words, err := text(c, "text")
	if err != nil {
		return err
	}
	from, to, at := c.Get("user").(string), c.FormValue("to"), c.FormValue("at")
	target, err := a.target(from, to, at)
	if err != nil {
		return err
	}
	params := map[string]any{"from": from, "to": to, "at": at, "text": words}
	err = c.Pull().Send(target, pull.Event{Module: "im", Command: "message", Params: params})
	if c.FormValue("fail") != "" {
		return echo.NewHTTPError(http.StatusConflict, "the handler failed after Send")
	}
	return err
}

// target returns the recipients of a message: everyone, a user and all pages of
// the sender, or the users who look at a page. It never guesses, so that a message
// for one user cannot reach everyone.
func (a *app) target(from, to, at string) (pull.Target, error) {
	switch {
	case to == "everyone" && at == "":
		return pull.Shared(), nil
	case to == "page" && at != "":
		return pull.Tag(at), nil
	case to != "user" || at == "":
		return pull.Target{}, echo.NewHTTPError(http.StatusBadRequest, "a message is for everyone, for a user or for a page")
	case !a.pull.Presence().Online(at)[at]:
		return pull.Target{}, echo.NewHTTPError(http.StatusConflict, at+" has left: nothing was sent")
	}
	return pull.User(from, at), nil
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
