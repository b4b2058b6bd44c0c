package autopushtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull/internal/memnet"
)

// A world is a server, a browser without pages, and an application server, in
// memory.
type world struct {
	*Server
	t        *testing.T
	listener *memnet.Listener
	sender   *Sender
	browser  *websocket.Conn
	received chan map[string]any // closed when the connection ends
	name     string              // the browser's
	endpoint string
}

// inMemory runs a test with a browser that has subscribed, in a bubble in which
// time is fake.
func inMemory(t *testing.T, run func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{Server: newServer(), t: t, listener: memnet.Listen(), sender: NewSender(t)}
		web := &http.Server{Handler: w.Server, ReadHeaderTimeout: time.Minute}
		served := make(chan error)
		go func() { served <- web.Serve(w.listener) }()
		w.connect()
		w.register(w.sender.Key())
		run(w)
		_ = w.browser.Close()
		_ = web.Close()
		<-served
		synctest.Wait()
	})
}

// connect connects the browser under its name, or under a new one.
func (w *world) connect() {
	w.t.Helper()
	dialer := websocket.Dialer{NetDialContext: w.listener.Dial, Subprotocols: []string{"push-notification"}}
	conn, response, err := dialer.Dial("ws://autopush/", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = response.Body.Close()
	if conn.Subprotocol() != "push-notification" {
		w.t.Errorf("the subprotocol is %q, want push-notification", conn.Subprotocol())
	}
	received := make(chan map[string]any, 10) // browsers read at once
	w.browser, w.received = conn, received
	go func() {
		defer close(received)
		for {
			var message map[string]any
			if conn.ReadJSON(&message) != nil {
				return
			}
			received <- message
		}
	}()
	w.send(object{"messageType": "hello", "uaid": w.name, "use_webpush": true, "broadcasts": object{}})
	w.name = w.receive()["uaid"].(string)
}

// leave ends the browser's connection.
func (w *world) leave() {
	_ = w.browser.Close()
	synctest.Wait()
}

// register subscribes a channel with a key.
func (w *world) register(key string) {
	w.t.Helper()
	w.send(object{"messageType": "register", "channelID": "c", "key": key})
	w.endpoint, _ = w.receive()["pushEndpoint"].(string)
}

func (w *world) send(message any) {
	w.t.Helper()
	if err := w.browser.WriteJSON(message); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) receive() map[string]any {
	w.t.Helper()
	select {
	case message, open := <-w.received:
		if !open {
			w.t.Fatal("the connection has ended")
		}
		return message
	case <-time.After(time.Hour):
		w.t.Fatal("no message in an hour")
		return nil
	}
}

// post sends an empty message with more headers, which replace those of a valid
// one; "" removes a header.
func (w *world) post(body []byte, headers ...string) *http.Response {
	w.t.Helper()
	request, err := w.sender.Request(w.t.Context(), Subscription{Endpoint: w.endpoint}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	fresh, err := http.NewRequestWithContext(w.t.Context(), request.Method, strings.Replace(w.endpoint, "https:", "http:", 1), bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	fresh.Header = request.Header
	if body != nil {
		fresh.Header.Set("Content-Encoding", "aes128gcm")
	}
	for pair := range slices.Chunk(headers, 2) {
		fresh.Header.Set(pair[0], pair[1])
		if pair[1] == "" {
			fresh.Header.Del(pair[0])
		}
	}
	transport := &http.Transport{DialContext: w.listener.Dial, DisableKeepAlives: true}
	response, err := transport.RoundTrip(fresh)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = response.Body.Close()
	return response
}

// message returns the version of the next message that the browser gets.
func (w *world) message() string {
	w.t.Helper()
	m := w.receive()
	if m["messageType"] != "notification" || m["channelID"] != "c" {
		w.t.Fatalf("got %v, want a notification", m)
	}
	return m["version"].(string)
}

// nothing proves that nothing waits for the browser: a reply comes first.
func (w *world) nothing() {
	w.t.Helper()
	w.send(object{})
	if m := w.receive(); len(m) != 0 {
		w.t.Errorf("got %v, want the reply to a ping", m)
	}
}

func TestMessagesWaitUntilTheyAreAcknowledged(t *testing.T) {
	inMemory(t, func(w *world) {
		w.leave()
		response := w.post([]byte("x"), "TTL", "3600")
		w.connect()
		first := w.message()
		w.leave()

		w.connect()
		if again := w.message(); again != first {
			t.Errorf("the message is %s, want %s again", again, first)
		}
		w.send(object{"messageType": "ack", "updates": []object{{"channelID": "c", "version": first, "code": 100}}})
		w.nothing()
		w.leave()
		w.connect()
		w.nothing()

		if got, want := response.Header.Get("Location"), Origin+"/m/"+first; response.StatusCode != http.StatusCreated || got != want {
			t.Errorf("the response is %d with the location %s, want 201 with %s", response.StatusCode, got, want)
		}
		if got := w.Acks(w.endpoint); !slices.Equal(got, []int{100}) {
			t.Errorf("the acknowledgements are %v, want 100", got)
		}
	})
}

func TestMessagesExpire(t *testing.T) {
	inMemory(t, func(w *world) {
		w.leave()
		w.post(nil, "TTL", "60")
		w.post(nil, "TTL", "0")
		if n := w.Waiting(w.endpoint); n != 1 {
			t.Errorf("%d messages wait, want 1: that with a TTL", n)
		}

		<-time.After(time.Minute)

		w.connect()
		w.nothing()
		w.post(nil, "TTL", "0")
		w.message()
	})
}

func TestTopicReplacesWaitingMessages(t *testing.T) {
	inMemory(t, func(w *world) {
		w.leave()
		for _, topic := range []string{"a", "b", "a"} {
			w.post(nil, "Topic", topic)
		}

		w.connect()

		w.message()
		w.message()
		w.nothing()
	})
}

func TestFailuresOfWorkersAreNoted(t *testing.T) {
	inMemory(t, func(w *world) {
		w.post(nil)
		w.send(object{"messageType": "nack", "version": w.message(), "code": 301})
		w.nothing()

		if got := w.Acks(w.endpoint); !slices.Equal(got, []int{301}) {
			t.Errorf("the acknowledgements are %v, want 301", got)
		}
	})
}

func TestUnsubscribedEndpointsAreGone(t *testing.T) {
	inMemory(t, func(w *world) {
		w.send(object{"messageType": "unregister", "channelID": "c"})
		w.receive()

		if status := w.post(nil).StatusCode; status != http.StatusGone {
			t.Errorf("the response is %d, want 410", status)
		}
	})
}

func TestForgottenBrowsersGetNewNames(t *testing.T) {
	inMemory(t, func(w *world) {
		old := w.name
		w.Forget()
		synctest.Wait()
		w.connect()

		if w.name == old {
			t.Error("the browser has its name again, want a new one")
		}
		if status := w.post(nil).StatusCode; status != http.StatusGone {
			t.Errorf("the response is %d, want 410", status)
		}
	})
}

func TestScriptedOutcomes(t *testing.T) {
	inMemory(t, func(w *world) {
		w.Script(w.endpoint, Outcome{Status: 429, RetryAfter: time.Minute}, Outcome{Status: 500}, Outcome{Status: 201}, Outcome{Status: 410})
		var got []int
		for range 5 {
			got = append(got, w.post(nil).StatusCode)
		}

		if want := []int{429, 500, 201, 410, 410}; !slices.Equal(got, want) {
			t.Errorf("the responses are %v, want %v", got, want)
		}
		if n := w.Waiting(w.endpoint); n != 1 {
			t.Errorf("%d messages wait, want 1", n)
		}
		posts := w.Posts(w.endpoint)
		if len(posts) != 5 || posts[0].Status != 429 {
			t.Errorf("the noted requests are %v, want 5", posts)
		}
	})
}

func TestRetryAfterIsInSeconds(t *testing.T) {
	inMemory(t, func(w *world) {
		w.Script(w.endpoint, Outcome{Status: 429, RetryAfter: time.Minute})

		if got := w.post(nil).Header.Get("Retry-After"); got != "60" {
			t.Errorf("Retry-After is %q, want 60", got)
		}
	})
}

func TestInvalidRequestsAreRefused(t *testing.T) {
	other := NewSender(t)
	for _, c := range []struct {
		name   string
		send   func(*world) *http.Response
		status int
	}{
		{"valid", func(w *world) *http.Response { return w.post(make([]byte, 4096), "Topic", "a-Z_9", "Urgency", "high") }, 201},
		{"unknown endpoint", func(w *world) *http.Response { w.endpoint += "x"; return w.post(nil) }, 404},
		{"body of 4,097 bytes", func(w *world) *http.Response { return w.post(make([]byte, 4097)) }, 413},
		{"no TTL", func(w *world) *http.Response { return w.post(nil, "TTL", "") }, 400},
		{"TTL in words", func(w *world) *http.Response { return w.post(nil, "TTL", "soon") }, 400},
		{"negative TTL", func(w *world) *http.Response { return w.post(nil, "TTL", "-1") }, 400},
		{"another encoding", func(w *world) *http.Response { return w.post([]byte("x"), "Content-Encoding", "aesgcm") }, 400},
		{"long topic", func(w *world) *http.Response { return w.post(nil, "Topic", strings.Repeat("a", 33)) }, 400},
		{"topic with a dot", func(w *world) *http.Response { return w.post(nil, "Topic", "a.b") }, 400},
		{"unknown urgency", func(w *world) *http.Response { return w.post(nil, "Urgency", "now") }, 400},
		{"no authorization", func(w *world) *http.Response { return w.post(nil, "Authorization", "") }, 401},
		{"another key", func(w *world) *http.Response { w.sender = other; return w.post(nil) }, 401},
		{"another audience", func(w *world) *http.Response { w.sender.Token.Audience += "/"; return w.post(nil) }, 401},
		{"expired", func(w *world) *http.Response { w.sender.Token.Lifetime = 0; return w.post(nil) }, 401},
		{"25 hours", func(w *world) *http.Response { w.sender.Token.Lifetime = 25 * time.Hour; return w.post(nil) }, 401},
		{"no subject", func(w *world) *http.Response { w.sender.Token.Subject = ""; return w.post(nil) }, 401},
		{"forged signature", func(w *world) *http.Response {
			forged, err := other.authorization()
			if err != nil {
				w.t.Fatal(err)
			}
			return w.post(nil, "Authorization", strings.Replace(forged, other.Key(), w.sender.Key(), 1))
		}, 401},
		{"another scheme", func(w *world) *http.Response { return w.post(nil, "Authorization", "Bearer x") }, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			inMemory(t, func(w *world) {
				if got := c.send(w).StatusCode; got != c.status {
					w.t.Errorf("the response is %d, want %d", got, c.status)
				}
			})
		})
	}
}

func TestSubscriptionsNeedAKey(t *testing.T) {
	inMemory(t, func(w *world) {
		if w.register(""); w.endpoint != "" {
			t.Errorf("the endpoint is %s, want none", w.endpoint)
		}
	})
}

func TestClientHasNoOtherRoute(t *testing.T) {
	s := Start()
	defer s.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.org/", nil)
	if err != nil {
		t.Fatal(err)
	}

	response, err := s.Client().Do(request)

	if err == nil {
		_ = response.Body.Close()
		t.Errorf("the response of another host is %d, want an error", response.StatusCode)
	}
}

func FuzzVerify(f *testing.F) {
	sender := NewSender(f)
	valid, err := sender.authorization()
	if err != nil {
		f.Fatal(err)
	}
	token := strings.TrimSuffix(strings.TrimPrefix(valid, "vapid t="), ", k="+sender.Key())
	f.Add(token)
	f.Add("a.b.c")
	f.Add("")
	key := sender.key.PublicKey
	raw, err := key.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	signed, _, _ := strings.Cut(token, ".")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := open(text, raw)
		if err == nil && !strings.HasPrefix(text, signed+".") {
			t.Errorf("%q was accepted", text)
		}
		var r request
		_ = json.Unmarshal([]byte(text), &r)
	})
}
