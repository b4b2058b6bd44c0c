package main

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

type app struct {
	pull *pull.Plugin
	db   *sql.DB
}

// A task has a version, which every change increases: no page replaces a newer one
// with an older one.
type task struct {
	ID, Version, Done int64
	Title             string
}

// page renders the page, or only the list if htmx requests it.
func (a *app) page(c echo.Context) error {
	ctx := c.Request().Context()
	var text []byte
	var tasks []task
	err := a.db.QueryRowContext(ctx, `SELECT json_group_array(json_object(
		'ID', id, 'Version', version, 'Done', done, 'Title', title) ORDER BY id) FROM tasks`).Scan(&text)
	if err := errors.Join(err, json.Unmarshal(text, &tasks)); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderVary, "HX-Request")
	if c.Request().Header.Get("HX-Request") != "" {
		return list(a.pull.Page(c), tasks).Render(ctx, c.Response())
	}
	return page(a.pull.Page(c), cmp.Or(c.QueryParam("htmx"), "2.0.11"), tasks).Render(ctx, c.Response())
}

// save saves one task, and sends it to the pages in the same transaction: as a
// fragment for the list, and as an event that makes them count again.
func (a *app) save(c pull.Context) error {
	ctx := c.Request().Context()
	t := task{Title: strings.TrimSpace(c.FormValue("title"))} // before the transaction: this reads the body
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // has no effect after Commit
	row := tx.QueryRowContext(ctx, `INSERT INTO tasks (id, title, done) VALUES (nullif(?, ''), ?, ? <> '') ON CONFLICT (id)
		DO UPDATE SET title = excluded.title, done = excluded.done, version = version + 1 RETURNING id, version, done`,
		c.FormValue("id"), t.Title, c.FormValue("done"))
	if err := row.Scan(&t.ID, &t.Version, &t.Done); err != nil {
		return echo.ErrBadRequest.WithInternal(err)
	}
	fragment := pull.Fragment{Selector: "#tasks", Swap: pull.Upsert, HTML: item(t), Key: strconv.FormatInt(t.ID, 10), Version: t.Version}
	event := pull.Event{Module: "tasks", Command: "update"}
	err = errors.Join(c.Pull().RenderTx(tx, pull.Tag("tasks"), fragment), c.Pull().SendTx(tx, pull.Shared(), event))
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return err
	}
	return form().Render(ctx, c.Response()) // an empty one; the task comes as to every page
}

// summary is what pages fetch after every change.
func (a *app) summary(c echo.Context) error {
	var open int
	row := a.db.QueryRowContext(c.Request().Context(), `SELECT count(*) FROM tasks WHERE NOT done`)
	if err := row.Scan(&open); err != nil {
		return err
	}
	return c.String(http.StatusOK, fmt.Sprintf("%d open; readers: %s", open, strings.Join(a.pull.Presence().At("tasks"), ", ")))
}

// enter stands for the login of your application.
func enter(c echo.Context) error {
	c.SetCookie(&http.Cookie{Name: "name", Value: c.Param("name"), Path: "/", SameSite: http.SameSiteLaxMode}) //nolint:gosec // no secret
	return c.Redirect(http.StatusSeeOther, "/")
}

func user(c echo.Context) (string, error) {
	if cookie, err := c.Cookie("name"); err == nil {
		return cookie.Value, nil
	}
	return "", nil // a guest
}
