package pull_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/memnet"
)

func TestProbeOverHTTP2IsWellFormed(t *testing.T) {
	s := newSite(t, nil)
	s.Mount(s.Group("/pull"))
	server := httptest.NewUnstartedServer(s.Echo)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/pull", nil)
	r.Header.Set(userHeader, "42")

	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusUpgradeRequired {
		t.Fatalf("got %s %s, want 426 over HTTP/2", response.Proto, response.Status)
	}
	for _, name := range []string{"Upgrade", "Connection"} { // RFC 9113 section 8.2.2
		if got := response.Header.Get(name); got != "" {
			t.Errorf("got %s: %s, want none", name, got)
		}
	}
}

// RFC 9110 section 15.5.22 requires Upgrade with a 426. A proxy would pass it on to
// HTTP/2.
func TestProbeNamesTheUpgradeUnlessAProxyMayBeHTTP2(t *testing.T) {
	s := newSite(t, nil)
	s.Mount(s.Group("/pull"))

	direct, proxied := s.serve(http.MethodGet, "/pull"), s.serve(http.MethodGet, "/pull", "X-Forwarded-Proto", "https")

	if got := direct.Header(); got.Get("Upgrade") != "websocket" || got.Get("Connection") != "Upgrade" {
		t.Errorf("got %v, want Upgrade: websocket and Connection: Upgrade", got)
	}
	if got := proxied.Header(); proxied.Code != http.StatusUpgradeRequired || got.Get("Upgrade") != "" || got.Get("Connection") != "" {
		t.Errorf("got %d %v behind a proxy, want 426 without Upgrade", proxied.Code, got)
	}
}

// hiding is net/http middleware whose writer hides the abilities of the server's.
func hiding(wrap func(http.ResponseWriter) http.ResponseWriter) echo.MiddlewareFunc {
	return echo.WrapMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(wrap(w), r) })
	})
}

type counting struct{ http.ResponseWriter }

// flushing supports only Flush.
type flushing struct{ http.ResponseWriter }

func (f flushing) FlushError() error { return http.NewResponseController(f.ResponseWriter).Flush() }

// pretending claims to support everything.
type pretending struct{ flushing }

func (pretending) FlushError() error { return http.ErrNotSupported }

func (pretending) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}

// stubborn refuses Hijack, but can be unwrapped.
type stubborn struct{ http.ResponseWriter }

func (s stubborn) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (stubborn) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}

var handshake = []string{
	"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
}

func TestWriterThatCannotCarryAPageIsReported(t *testing.T) {
	for _, tc := range []struct {
		name, request string
		wrap          func(http.ResponseWriter) http.ResponseWriter
		headers       []string
		status        int
		reports       int
	}{
		{"neither", "stream", func(w http.ResponseWriter) http.ResponseWriter { return counting{w} }, []string{"Accept", "text/event-stream"}, 501, 1},
		{"neither", "handshake", func(w http.ResponseWriter) http.ResponseWriter { return counting{w} }, handshake, 501, 1},
		{"neither", "probe", func(w http.ResponseWriter) http.ResponseWriter { return counting{w} }, nil, 501, 1},
		{"flush only", "handshake", func(w http.ResponseWriter) http.ResponseWriter { return flushing{w} }, handshake, 501, 1},
		{"flush only", "probe", func(w http.ResponseWriter) http.ResponseWriter { return flushing{w} }, nil, 426, 0},
		{"untrue", "handshake", func(w http.ResponseWriter) http.ResponseWriter { return pretending{flushing{w}} }, handshake, 501, 1},
		{"stubborn", "handshake", func(w http.ResponseWriter) http.ResponseWriter { return stubborn{w} }, handshake, 501, 1},
		{"untrue", "stream", func(w http.ResponseWriter) http.ResponseWriter { return pretending{flushing{w}} }, []string{"Accept", "text/event-stream"}, 200, 1},
	} {
		t.Run(tc.name+"/"+tc.request, func(t *testing.T) {
			s := newSite(t, nil)
			s.Use(hiding(tc.wrap))
			s.Mount(s.Group("/pull"))

			for range 3 {
				w := s.serve(http.MethodGet, "/pull", tc.headers...)

				if body := w.Body.String(); w.Code != tc.status || w.Code == 501 && !strings.Contains(body, "response writer") {
					t.Errorf("got status %d with %s, want %d and the reason", w.Code, body, tc.status)
				}
			}

			if got := len(s.reported); got != tc.reports {
				t.Errorf("got %d reports %v, want %d", got, s.reported, tc.reports)
			}
			if n := s.Stats().Sessions; n != 0 {
				t.Errorf("got %d sessions, want none", n)
			}
		})
	}
}

func TestHooksOfTheResponseRunForStreamsAndUpgrades(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		rolling := func(name string) echo.MiddlewareFunc {
			return func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					responseOf(c).Before(func() { c.SetCookie(&http.Cookie{Name: name, Value: "rolled"}) })
					return next(c)
				}
			}
		}
		// The writer of wrapped net/http middleware is between two Echo responses.
		transparent := hiding(func(w http.ResponseWriter) http.ResponseWriter { return w })
		a.echo.Use(rolling("outer"), transparent, rolling("inner"))

		s := a.stream(t, "42", "")
		defer s.close()
		p, upgrade, err := a.tryDial(t, "", userHeader, "42")
		if err != nil {
			t.Fatal(err)
		}
		p.hello(t)

		for name, response := range map[string]*http.Response{"stream": s.Response, "upgrade": upgrade, "probe": a.get(t, "/pull", userHeader, "42")} {
			var names []string
			for _, cookie := range response.Cookies() {
				names = append(names, cookie.Name)
			}
			if got := strings.Join(names, " "); len(names) != 2 || !strings.Contains(got, "outer") || !strings.Contains(got, "inner") {
				t.Errorf("%s: got cookies %q, want outer and inner, each once", name, got)
			}
		}
	})
}

func TestHookThatPanicsTakesNoPlace(t *testing.T) {
	for name, headers := range map[string][]string{"stream": {"Accept", "text/event-stream"}, "upgrade": handshake} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *pull.Config) { c.MaxSessionsPerUser = 1 })
			s.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					responseOf(c).Before(func() {
						if responseOf(c).Status < 400 {
							panic("no store for sessions")
						}
					})
					return next(c)
				}
			})
			s.Mount(s.Group("/pull"))
			for range 2 {
				func() {
					defer func() {
						if recover() == nil {
							t.Error("want the panic to go on")
						}
					}()
					s.ServeHTTP(hijackable{httptest.NewRecorder()}, request(headers...))
				}()
			}

			if got := s.serve(http.MethodGet, "/pull").Code; got != http.StatusUpgradeRequired {
				t.Errorf("got status %d, want 426: the place is free", got)
			}
		})
	}
}

func TestHijackThatPanicsTakesNoPlace(t *testing.T) {
	s := newSite(t, func(c *pull.Config) { c.MaxSessionsPerUser = 1 })
	s.Mount(s.Group("/pull"))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("want the panic to go on")
			}
		}()
		s.ServeHTTP(assuming{stubborn{flushing{httptest.NewRecorder()}}}, request("Accept", "text/event-stream"))
	}()

	if got := s.serve(http.MethodGet, "/pull").Code; got != http.StatusUpgradeRequired {
		t.Errorf("got status %d, want 426: the place is free", got)
	}
}

func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/pull", nil)
	r.Header.Set(userHeader, "42")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

type hijackable struct{ *httptest.ResponseRecorder }

func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}

// overHTTP2 makes the app's client request a handler over HTTP/2, until the test ends.
func (a *app) overHTTP2(t *testing.T, h http.Handler) *http.Server {
	t.Helper()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	listener := memnet.Listen()
	server := &http.Server{Handler: h, Protocols: &protocols, WriteTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	client := &http.Client{Transport: &http.Transport{DialContext: listener.Dial, Protocols: &protocols}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		_ = server.Close()
	})
	a.client = client
	return server
}

// On HTTP/2, a write deadline ends the stream even after the write has finished.
func TestStreamOverHTTP2LivesBetweenItsTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Tick = time.Hour })
		defer a.stop(t)
		a.overHTTP2(t, a.echo)
		s := a.stream(t, "42", "")
		defer s.close()
		s.hello(t)

		pass(50 * time.Minute)
		send(t, a, pull.User("42"), "late")

		if _, m := s.event(t); m.Command != "late" || s.ProtoMajor != 2 {
			t.Errorf("got %+v over %s, want late over HTTP/2", m, s.Proto)
		}
	})
}

// A masked connection embeds a TCP connection and changes the bytes.
type masked struct{ *net.TCPConn }

func mask(b []byte) []byte {
	m := make([]byte, len(b))
	for i := range b {
		m[i] = b[i] ^ 0x55
	}
	return m
}

func (c masked) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	copy(b, mask(b[:n]))
	return n, err
}

func (c masked) Write(b []byte) (int, error) { return c.TCPConn.Write(mask(b)) }

type maskedListener struct{ *net.TCPListener }

func (l maskedListener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return masked{c}, nil
}

func TestFramesPassThroughTheConnectionsOwnWrite(t *testing.T) {
	s := newSite(t, nil)
	s.Mount(s.Group("/pull"))
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.Echo, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(maskedListener{l}) }()
	defer func() { _ = server.Close() }()
	dialer := websocket.Dialer{NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return masked{conn.(*net.TCPConn)}, nil
	}}
	conn, _, err := dialer.DialContext(t.Context(), "ws://"+l.Addr().String()+"/pull", http.Header{userHeader: {"42"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	p := &page{Conn: conn}
	p.hello(t)

	for range 20 { // most of them find an idle session
		if err := s.Send(t.Context(), pull.User("42"), event("update", nil)); err != nil {
			t.Fatal(err)
		}
		p.event(t)
	}
}

// The application decides how its login responds.
func TestRedirectOfALoginReachesTheClientAsItIs(t *testing.T) {
	s := newSite(t, nil)
	s.Use(s.Middleware())
	s.Mount(s.Group("/pull", func(echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return c.Redirect(http.StatusFound, "/login") }
	}))

	for _, headers := range [][]string{nil, handshake, {"Accept", "text/event-stream"}} {
		if w := s.serve(http.MethodGet, "/pull", headers...); w.Code != http.StatusFound || w.Header().Get("Location") != "/login" {
			t.Errorf("got %d to %q, want 302 to /login", w.Code, w.Header().Get("Location"))
		}
	}
}

// A writer with Flush but without Unwrap hides the server's deadlines.
func TestStreamThatATimeoutOfTheServerEndsIsReported(t *testing.T) {
	for _, tc := range []struct {
		server *http.Server
		want   int
	}{
		{&http.Server{ReadHeaderTimeout: time.Second, IdleTimeout: time.Second}, 0},
		{&http.Server{ReadTimeout: time.Second}, 1},
		{&http.Server{WriteTimeout: time.Second}, 1},
	} {
		s := newSite(t, nil)
		s.Mount(s.Group("/pull"))
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), http.ServerContextKey, tc.server))
		cancel()
		r := httptest.NewRequest(http.MethodGet, "/pull", nil).WithContext(ctx)
		r.Header.Set("Accept", "text/event-stream")
		r.Header.Set(userHeader, "42")

		for range 2 {
			s.ServeHTTP(httptest.NewRecorder(), r) // the recorder does not support deadlines
		}

		if len(s.reported) != tc.want {
			t.Errorf("timeouts %s and %s: got reports %q, want %d", tc.server.ReadTimeout, tc.server.WriteTimeout, s.reported, tc.want)
		}
	}
}

// Config.User may redirect to a login and return what c.Redirect returns, nil.
func TestUserThatAnswersTheRequestConnectsNobody(t *testing.T) {
	s := newSite(t, func(c *pull.Config) {
		c.Guests = true
		c.User = func(c echo.Context) (string, error) { return "", c.Redirect(http.StatusFound, "/login") }
	})
	s.Mount(s.Group("/pull"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	stream := httptest.NewRequest(http.MethodGet, "/pull", nil).WithContext(ended)
	stream.Header.Set("Accept", "text/event-stream")
	extend := httptest.NewRequest(http.MethodPost, "/pull/watch", strings.NewReader(`{"extend":["T"]}`))

	for _, r := range []*http.Request{stream, extend} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusFound || w.Body.Len() > 0 {
			t.Errorf("%s: got %d and %q, want 302 and nothing more", r.URL, w.Code, w.Body)
		}
	}
}
