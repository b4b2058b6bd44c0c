// Command react is the server of a small application in React. The page comes from
// another origin, Vite's, and the login is a JWT in a cookie.
package main

import (
	"flag"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

type task struct {
	ID    int
	Title string
}

type app struct {
	key   []byte     // signs the tokens
	mu    sync.Mutex // guards tasks
	tasks []task
}

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen")
	page := flag.String("page", "http://localhost:5173", "the origin of the page")
	key := flag.String("key", "only for development", "signs the tokens")
	flag.Parse()

	p, err := pull.New(pull.Config{User: user, AllowedOrigins: []string{*page}})
	check(err)
	check(p.Register(pull.Module{ID: "tasks", Use: pull.PublicSection}))
	a := &app{key: []byte(*key), tasks: []task{}}
	login := echojwt.WithConfig(echojwt.Config{
		SigningKey: a.key, TokenLookup: "cookie:token",
		ErrorHandler: func(echo.Context, error) error { return echo.ErrUnauthorized },
	})
	e := echo.New()
	e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins: []string{*page}, AllowCredentials: true,
		AllowHeaders: []string{echo.HeaderContentType, pull.HeaderClient},
	}), p.Middleware())
	p.Mount(e.Group("/pull", login))
	e.POST("/login", a.login)
	e.GET("/session", pull.Handler(session), login)
	e.GET("/tasks", a.list, login)
	e.POST("/tasks", pull.Handler(a.add), login)
	check(e.Start(*addr))
}

func check(err error) {
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// user returns the user of a token that login has checked.
func user(c echo.Context) (string, error) {
	if token, ok := c.Get("user").(*jwt.Token); ok {
		return token.Claims.GetSubject()
	}
	return "", nil
}

// login accepts every name. The page's scripts cannot read the cookie, and other sites' cannot use it.
func (a *app) login(c echo.Context) error {
	end := time.Now().Add(24 * time.Hour)
	claims := jwt.RegisteredClaims{Subject: c.FormValue("name"), ExpiresAt: jwt.NewNumericDate(end)}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(a.key)
	c.SetCookie(&http.Cookie{Name: "token", Value: token, Path: "/", Expires: end, HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode})
	return err
}

// session returns what the page's client needs: its user, and where its events begin.
func session(c pull.Context) error {
	name, _ := user(c) // login has checked it
	return c.JSON(http.StatusOK, map[string]string{"user": name, "cursor": c.Pull().Cursor()})
}

func (a *app) list(c echo.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return c.JSON(http.StatusOK, a.tasks)
}

func (a *app) add(c pull.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	added := task{ID: len(a.tasks) + 1, Title: c.FormValue("title")}
	a.tasks = append(a.tasks, added)
	return c.Pull().Send(pull.Shared(), pull.Event{Module: "tasks", Command: "add", Params: added})
}
