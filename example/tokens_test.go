//pull:only v4

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// This file contains the code in docs/tokens.md.

// withTokens returns an application whose login is a JWT.
func withTokens(e *echo.Echo, key, secret []byte) (*pull.Plugin, error) {
	p, err := pull.New(pull.Config{Session: sessionOf, Secret: secret})
	if err != nil {
		return nil, err
	}
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull", echojwt.WithConfig(echojwt.Config{SigningKey: key})))
	return p, nil
}

// sessionOf returns the login of a request, which has passed echo-jwt.
func sessionOf(c echo.Context) (pull.Session, error) {
	token, ok := c.Get("user").(*jwt.Token)
	if !ok {
		return pull.Session{}, errors.New("no token")
	}
	user, err := token.Claims.GetSubject()
	if err != nil {
		return pull.Session{}, err
	}
	until, err := token.Claims.GetExpirationTime()
	if err != nil || until == nil {
		return pull.Session{}, errors.New("a token that does not expire")
	}
	return pull.Session{User: user, Until: until.Time}, nil
}

// call sends a request, and returns the status and the beginning of the response.
func call(t *testing.T, server *httptest.Server, method, target string, headers ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, server.URL+target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	first := make([]byte, 4<<10)
	n, _ := response.Body.Read(first)
	return response.StatusCode, string(first[:n])
}

func TestPageLogsInWithAToken(t *testing.T) {
	key, secret := []byte(strings.Repeat("k", 32)), []byte(strings.Repeat("s", 32))
	e := echo.New()
	p, err := withTokens(e, key, secret)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e)
	defer server.Close()
	defer func() { _ = p.Shutdown(context.Background()) }()
	claims := jwt.RegisteredClaims{Subject: "ann", ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	stream := []string{"Accept", "text/event-stream"}
	if status, body := call(t, server, http.MethodPost, "/pull/ticket", "Authorization", "Bearer "+token+"x"); status != http.StatusUnauthorized {
		t.Errorf("a forged token gets %d, %s, want 401", status, body)
	}
	if status, body := call(t, server, http.MethodGet, "/pull?protocol=2", stream...); status == http.StatusOK {
		t.Errorf("a connection without a token gets %d, %s, want a refusal of echo-jwt", status, body)
	}
	status, body := call(t, server, http.MethodPost, "/pull/ticket", "Authorization", "Bearer "+token)
	var issued struct{ Ticket string }
	if err := json.Unmarshal([]byte(body), &issued); err != nil || status != http.StatusOK {
		t.Fatalf("got %d, %s, want a ticket", status, body)
	}

	status, body = call(t, server, http.MethodGet, "/pull?protocol=2&ticket="+issued.Ticket, stream...)

	if status != http.StatusOK || !strings.Contains(body, `"user":"ann"`) {
		t.Errorf("got %d, %s, want a hello for ann", status, body)
	}
	status, body = call(t, server, http.MethodGet, "/pull?protocol=2&ticket="+issued.Ticket, append(stream, "Authorization", "Bearer "+token)...)
	if status != http.StatusUnauthorized || !strings.Contains(body, "used before") {
		t.Errorf("got %d, %s for the second use, want 401", status, body)
	}
}
