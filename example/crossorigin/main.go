// Command crossorigin is the API of a page on another origin, which logs in with a JWT and
// without cookies. It serves no page.
package main

import (
	"crypto/rand"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

type app struct {
	*pull.Plugin
	key  []byte        // signs the tokens
	life time.Duration // of a token

	mu    sync.Mutex // guards the fields below
	ended map[string]bool
	notes map[string][]string // of each user
}

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen")
	page := flag.String("page", "http://localhost:5173", "the origin of the page")
	key := flag.String("key", "only for development", "signs the tokens")
	life := flag.Duration("life", 15*time.Minute, "for how long a token is valid")
	flag.Parse()

	p, err := pull.New(pull.Config{Session: session, AllowedOrigins: []string{*page}})
	check(err)
	check(p.Register(pull.Module{ID: "notes", Use: pull.PublicSection}))
	a := &app{Plugin: p, key: []byte(*key), life: *life, ended: make(map[string]bool), notes: make(map[string][]string)}

	e := echo.New()
	e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins:  []string{*page},
		AllowHeaders:  []string{echo.HeaderAuthorization, echo.HeaderContentType, pull.HeaderClient},
		ExposeHeaders: []string{"Pull-Cursor"},
	}), p.Middleware())
	login := echojwt.WithConfig(echojwt.Config{
		SigningKey:    a.key,
		NewClaimsFunc: func(echo.Context) jwt.Claims { return new(jwt.RegisteredClaims) },
		ErrorHandler:  func(echo.Context, error) error { return echo.ErrUnauthorized },
	})
	p.Mount(e.Group("/pull", login, a.alive))
	e.POST("/login", a.login)
	api := e.Group("/api", login, a.alive)
	api.POST("/token", a.renew)
	api.POST("/logout", a.logout)
	api.GET("/notes", pull.Handler(a.list))
	api.POST("/notes", pull.Handler(a.add))
	check(e.Start(*addr))
}

func check(err error) {
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// session returns whose request this is, what a logout ends, and until when the login lasts.
func session(c echo.Context) (pull.Session, error) {
	claims := claimsOf(c)
	return pull.Session{User: claims.Subject, ID: claims.ID, Until: claims.ExpiresAt.Time}, nil
}

// claimsOf returns the claims of a token that echo-jwt has checked.
func claimsOf(c echo.Context) *jwt.RegisteredClaims {
	return c.Get("user").(*jwt.Token).Claims.(*jwt.RegisteredClaims) //nolint:forcetypeassert // login has set it
}

// alive refuses the tokens of a session that a logout has ended.
func (a *app) alive(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		a.mu.Lock()
		ended := a.ended[claimsOf(c).ID]
		a.mu.Unlock()
		if ended {
			return echo.ErrUnauthorized
		}
		return next(c)
	}
}

// login accepts every name.
func (a *app) login(c echo.Context) error {
	return a.issue(c, c.FormValue("name"), rand.Text())
}

// renew returns the next token of a session.
func (a *app) renew(c echo.Context) error {
	claims := claimsOf(c)
	return a.issue(c, claims.Subject, claims.ID)
}

func (a *app) issue(c echo.Context, user, session string) error {
	end := time.Now().Add(a.life)
	claims := jwt.RegisteredClaims{Subject: user, ID: session, ExpiresAt: jwt.NewNumericDate(end)}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(a.key)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"user": user, "token": token, "expires": end.UnixMilli()})
}

// logout ends one session, with its pages: those of the user's other browsers go on.
func (a *app) logout(c echo.Context) error {
	id := claimsOf(c).ID
	a.mu.Lock()
	a.ended[id] = true
	a.mu.Unlock()
	if err := a.DisconnectSession(id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// list returns the notes, and where the events after them begin.
func (a *app) list(c pull.Context) error {
	c.Response().Header().Set("Pull-Cursor", c.Pull().Cursor())
	a.mu.Lock()
	notes := slices.Clone(a.notes[claimsOf(c).Subject])
	a.mu.Unlock()
	return c.JSON(http.StatusOK, notes)
}

func (a *app) add(c pull.Context) error {
	user, text := claimsOf(c).Subject, c.FormValue("text")
	a.mu.Lock()
	a.notes[user] = append(a.notes[user], text)
	a.mu.Unlock()
	event := pull.Event{Module: "notes", Command: "add", Params: map[string]string{"text": text}}
	if err := c.Pull().Send(pull.User(user), event); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
