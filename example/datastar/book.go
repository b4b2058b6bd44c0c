package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

type book struct {
	pull   *pull.Plugin
	db     *sql.DB
	pages  *template.Template
	script string // the address of Datastar
}

// A list is the newest messages.
type list struct {
	pages    *template.Template
	Messages []message
}

type message struct {
	ID   int64
	Text string
}

// Render makes a list the HTML of a fragment.
func (l list) Render(w io.Writer) error { return l.pages.ExecuteTemplate(w, "messages", l) }

// A reader is a database or a transaction.
type reader interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (b *book) newest(ctx context.Context, r reader) (list, error) {
	l, text := list{pages: b.pages}, []byte(nil)
	err := r.QueryRowContext(ctx, `SELECT json_group_array(json_object('ID', id, 'Text', text))
		FROM (SELECT id, text FROM messages ORDER BY id DESC LIMIT 50)`).Scan(&text)
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal(text, &l.Messages)
}

func (b *book) page(c pull.Context) error {
	grant, err := b.pull.Grant(c, "messages")
	if err != nil {
		return err
	}
	newest, err := b.newest(c.Request().Context(), b.db)
	if err != nil {
		return err
	}
	data := map[string]any{"Script": b.script, "Cursor": c.Pull().Cursor(), "Grant": grant, "List": newest}
	return c.Render(http.StatusOK, "page.html", data)
}

// list is what a page fetches after a gap.
func (b *book) list(c echo.Context) error {
	newest, err := b.newest(c.Request().Context(), b.db)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "messages", newest)
}

// write stores a message, and sends the list to the pages in the same transaction.
// Datastar morphs the list, so that only what is new changes on the page, and a page
// that was away gets only the last of several lists.
func (b *book) write(c pull.Context) error {
	var signals struct{ Text string } // of the page
	if err := c.Bind(&signals); err != nil {
		return err
	}
	ctx := c.Request().Context()
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // has no effect after Commit
	if _, err := tx.ExecContext(ctx, `INSERT INTO messages (text) VALUES (?)`, strings.TrimSpace(signals.Text)); err != nil {
		return echo.ErrBadRequest.WithInternal(err)
	}
	newest, err := b.newest(ctx, tx)
	if err != nil {
		return err
	}
	fragment := pull.Fragment{Selector: "#messages", Swap: pull.Morph, HTML: newest, Key: "messages"}
	if err := c.Pull().RenderTx(tx, pull.Tag("messages"), fragment); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"text": ""}) // the field is empty again
}
