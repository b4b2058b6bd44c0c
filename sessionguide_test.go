package pull_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A signIn is what an application keeps of a login.
type signIn struct {
	User, ID string
	Expires  time.Time
}

// signIns are the logins of an application, by the value of a cookie.
type signIns map[string]*signIn

func (s signIns) Of(c echo.Context) (*signIn, error) {
	cookie, err := c.Cookie("session")
	if err != nil || s[cookie.Value] == nil {
		return nil, echo.ErrUnauthorized
	}
	return s[cookie.Value], nil
}

func (s signIns) End(c echo.Context) (id string) {
	found, err := s.Of(c)
	if err != nil {
		return ""
	}
	delete(s, found.ID)
	return found.ID
}

func TestGuideToSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sessions := signIns{"s1": {"42", "s1", time.Now().Add(time.Hour)}, "s2": {"42", "s2", time.Now().Add(time.Hour)}}
		p, err := pull.New(pull.Config{
			Session: func(c echo.Context) (pull.Session, error) {
				s, err := sessions.Of(c) // what your login middleware has found
				if err != nil {
					return pull.Session{}, err
				}
				return pull.Session{User: s.User, ID: s.ID, Until: s.Expires}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := p.Shutdown(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}()
		e := echo.New()
		e.Use(p.Middleware())
		p.Mount(e.Group("/pull"))
		e.POST("/logout", func(c echo.Context) error {
			if id := sessions.End(c); id != "" { // first: the cookie is worth nothing now
				if err := p.DisconnectSession(id); err != nil {
					c.Logger().Error(err.Error()) // a node has not reported; the login has ended all the same
				}
			}
			return c.Redirect(http.StatusSeeOther, "/")
		})
		synctest.Wait()

		for _, step := range []struct {
			method, path, cookie string
			status               int
		}{
			{"GET", "/pull", "s1", 426}, {"POST", "/logout", "s1", 303}, {"GET", "/pull", "s1", 401}, {"POST", "/logout", "s1", 303}, {"GET", "/pull", "s2", 426},
		} {
			r := httptest.NewRequestWithContext(t.Context(), step.method, step.path, nil)
			r.AddCookie(&http.Cookie{Name: "session", Value: step.cookie})
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			if w.Code != step.status {
				t.Errorf("%s %s of %s: got %d, want %d", step.method, step.path, step.cookie, w.Code, step.status)
			}
		}
	})
}
