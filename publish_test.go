package pull_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

const publishKey = "a-key-of-the-shop-0001"

// withPublish adds a route by which a service publishes events of module tasks.
func (a *app) withPublish(configure func(*pull.PublishConfig)) {
	config := pull.PublishConfig{Keys: []string{publishKey}, Modules: []string{"tasks"}}
	if configure != nil {
		configure(&config)
	}
	a.echo.POST("/publish", a.PublishHandler(config))
}

// publish publishes a body as a service does.
func (a *app) publish(t *testing.T, body string, headers ...string) *http.Response {
	t.Helper()
	return a.do(t, http.MethodPost, "/publish", body, append([]string{
		"Authorization", "Bearer " + publishKey, "Content-Type", "application/x-ndjson",
	}, headers...)...)
}

// publishes fails unless a body is published, and returns the cursor.
func (a *app) publishes(t *testing.T, body string, headers ...string) (cursor string) {
	t.Helper()
	r := a.publish(t, body, headers...)
	var response struct{ Cursor string }
	content := text(r)
	if err := json.Unmarshal([]byte(content), &response); err != nil || r.StatusCode != http.StatusOK || response.Cursor == "" {
		t.Fatalf("got %d %s, want 200 and a cursor", r.StatusCode, content)
	}
	return response.Cursor
}

// lineFor returns a line with an event.
func lineFor(target, command string) string {
	return fmt.Sprintf(`{"target":%s,"event":{"module":"tasks","command":%q}}`, target, command)
}

// toOne returns lines with events to user 1.
func toOne(commands ...string) string {
	var b strings.Builder
	for _, c := range commands {
		b.WriteString(lineFor(`{"users":["1"]}`, c) + "\n")
	}
	return b.String()
}

func TestPublishedEventsReachTheirPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPublish(nil)
		grant(t, a, "2", "T")
		one, at := a.fresh(t, "1")
		two, _ := a.fresh(t, "2")
		three, _ := a.fresh(t, "3")

		first := a.publishes(t, lineFor(`{"users":["1"]}`, "user"), "Content-Type", "application/json; charset=utf-8")
		last := a.publishes(t, lineFor(`{"tags":["T"],"users":["1"]}`, "tag")+"\r\n"+
			lineFor(`{"shared":true,"except":["2"]}`, "most")+"\n"+
			lineFor(`{"shared":true}`, "all"))

		one.sees(t, "user", "tag", "most", "all")
		two.sees(t, "tag", "all")
		three.sees(t, "most", "all")
		a.resume(t, "1", at).sees(t, "user", "tag", "most", "all")
		a.resume(t, "1", first).sees(t, "tag", "most", "all")
		a.resume(t, "1", last).sees(t)
	})
}

func TestPublishedEventHasAllItsFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPublish(nil)
		p := a.dial(t, "1", "")
		at := cursorAt(p.hello(t))

		a.publishes(t, "{\n \"target\": {\"users\": [\"1\"]},\n \"event\": {\"module\": \"TASKS\", \"command\": \"update\",\n"+
			"  \"params\": {\"n\": 1.50, \"text\": \"ü\\u00fc\"}, \"ttl\": 60}}", "Content-Type", "application/json")
		for _, state := range []string{"1", "2", "3"} {
			a.publishes(t, `{"target":{"users":["1"]},"event":{"module":"tasks","command":"state`+state+`","key":"k","keep":"all"}}`+"\n"+
				`{"target":{"users":["1"]},"event":{"module":"tasks","command":"state","key":"s","keep":"last","params":{"n":`+state+`}}}`)
		}

		e := p.event(t)
		if e.Module != "tasks" || e.Command != "update" || fmt.Sprint(e.Params) != "map[n:1.5 text:üü]" {
			t.Errorf("got %+v", e)
		}
		a.resume(t, "1", at).sees(t, "update", "state1", "state2", "state3", "state")
		pass(62 * time.Second)
		a.resume(t, "1", at).sees(t, "state1", "state2", "state3", "state")
	})
}

// A single event may stand on several lines, which pages get on one.
func TestPublishedEventMayBePrintedOnSeveralLines(t *testing.T) {
	for _, newline := range []string{"\n", "\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			a := newApp(t, nil)
			defer a.stop(t)
			a.withPublish(nil)
			p := a.dial(t, "2", "")
			p.hello(t)
			body := strings.ReplaceAll(`{
				"target": {"users": ["2"]},
				"event": {
					"module": "tasks", "command": "update",
					"params": {
						"n": 1
					},
					"perUser": {
						"2": {
							"price": "12.50",
							"of": {
							}
						},
						"3": {
						}
					},
					"extra": {
						"by": [
							1
						]
					}
				}
			}`, "\n", newline)

			a.publishes(t, body, "Content-Type", "application/json")

			if e := p.event(t); fmt.Sprint(e.Params, e.Extra["by"]) != "map[n:1 of:map[] price:12.50] [1]" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestPublishedEventForSingleUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPublish(nil)
		one, two := a.dial(t, "1", "?protocol=1"), a.dial(t, "2", "?protocol=1")

		a.publishes(t, `{"target":{"users":["1","2"]},"event":{"module":"tasks","command":"Neue Aufgabe",`+
			`"params":{"n":1},"perUser":{"2":{"price":"12.50"}},"extra":{"by":"shop"}}}`, idempotency, "1")

		for p, want := range map[*page]string{one: "map[n:1]", two: "map[n:1 price:12.50]"} {
			if e := p.event(t); fmt.Sprint(e.Params) != want || e.Extra["by"] != "shop" || e.Command != "Neue Aufgabe" {
				t.Errorf("got %+v, want %s", e, want)
			}
		}
	})
}

// Of events with one key to one target in a request, only the last is sent, as of a
// handler's.
func TestLaterLineReplacesAnEarlierOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPublish(nil)
		r, _ := a.fresh(t, "1")
		line := func(command string) string {
			return `{"target":{"users":["1"]},"event":{"module":"tasks","command":"` + command + `","key":"k"}}` + "\n"
		}
		batch := line("replaced") + toOne("between") + line("last")

		cursor := a.publishes(t, batch, "Idempotency-Key", "x")

		if again := a.publishes(t, batch, "Idempotency-Key", "x"); again != cursor {
			t.Errorf("the repetition got %s, want %s", again, cursor)
		}
		r.sees(t, "between", "last")
	})
}

// A request publishes nothing if anything is wrong with it, and learns what.
func TestRefusedPublication(t *testing.T) {
	good := strings.TrimSpace(toOne("good"))
	with := func(event string) string { return `{"target":{"users":["1"]},"event":` + event + `}` }
	for _, test := range []struct {
		name, body string
		headers    []string
		status     int
		want       string // a part of the response
	}{
		{name: "no key", headers: []string{"Authorization", ""}, status: 401, want: "Authorization: Bearer KEY"},
		{name: "wrong key", headers: []string{"Authorization", "Bearer " + publishKey + "x"}, status: 401},
		{name: "another scheme", headers: []string{"Authorization", "Basic " + publishKey}, status: 401},
		{name: "no type", headers: []string{"Content-Type", ""}, status: 415, want: "application/x-ndjson"},
		{name: "form", headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415},
		{name: "empty idempotency key", headers: []string{"Idempotency-Key", ""}, status: 400, want: "Idempotency-Key"},
		{name: "long idempotency key", headers: []string{"Idempotency-Key", strings.Repeat("x", 256)}, status: 400},
		{name: "space in idempotency key", headers: []string{"Idempotency-Key", "a b"}, status: 400},
		{name: "too many lines", body: strings.Repeat(good+"\n", 513), status: 413, want: "512 lines"},
		{name: "large body", body: good + strings.Repeat(" ", 1<<20), status: 413, want: "1048576 bytes"},
		{name: "nothing", body: " ", status: 400, want: "line 1: empty"},
		{name: "empty line", body: good + "\n\n" + good, status: 400, want: "line 2: empty"},
		{name: "no JSON", body: good + "\n{", status: 400, want: "line 2: not JSON: unexpected end"},
		{name: "trailing garbage", body: good + " x", status: 400, want: "line 1: not JSON: invalid character 'x' after"},
		{name: "two on a line", body: good + good, status: 400, want: "line 1: not JSON"},
		{name: "not UTF-8", body: with("{\"module\":\"tasks\",\"command\":\"x\",\"params\":\"\xff\"}"), status: 400, want: "line 1: not UTF-8"},
		{name: "list", body: "[]", status: 400, want: "line 1: want an object"},
		{name: "no target", body: `{"event":{"module":"tasks","command":"x"}}`, status: 400, want: "line 1: target: missing"},
		{name: "no event", body: `{"target":{"users":["1"]}}`, status: 400, want: "line 1: event: missing"},
		{name: "unknown field", body: `{"targets":{}}`, status: 400, want: "line 1: targets: unknown field"},
		{name: "unknown field of the event", body: with(`{"module":"tasks","command":"x","Command":"x"}`), status: 400, want: "event.Command: unknown field"},
		{name: "hostile field", body: with(`{"<b>\n":1}`), status: 400, want: `event.\"\u003cb\u003e\\n\": unknown field`},
		{name: "two targets", body: `{"target":{"users":["1"]},"target":{"users":["1"]},"event":{"module":"tasks","command":"x"}}`, status: 400, want: "target: the field is there twice"},
		{name: "nobody", body: lineFor(`{"users":[],"except":["1"]}`, "x"), status: 400, want: "target: nobody"},
		{name: "user that is no string", body: lineFor(`{"users":[1]}`, "x"), status: 400, want: "target.users: want a list of strings"},
		{name: "empty user", body: lineFor(`{"users":[""]}`, "x"), status: 400, want: "target.users: empty user id"},
		{name: "users that are null", body: lineFor(`{"users":null}`, "x"), status: 400, want: "target.users: want a list"},
		{name: "control character", body: lineFor(`{"tags":["\u0000"]}`, "x"), status: 400, want: "target.tags: tag"},
		{name: "shared that is no boolean", body: lineFor(`{"shared":1}`, "x"), status: 400, want: "target.shared: want true or false"},
		{name: "no module", body: with(`{"command":"x"}`), status: 400, want: "event.module: missing"},
		{name: "malformed module", body: with(`{"module":"a b","command":"x"}`), status: 400, want: "event.module: module id"},
		{name: "foreign module", body: good + "\n" + with(`{"module":"secret","command":"x"}`), status: 403, want: `line 2: event.module: \"secret\" is not allowed`},
		{name: "unregistered module", body: with(`{"module":"later","command":"x"}`), status: 400, want: `line 1: event.module: unknown module \"later\"`},
		{name: "no command", body: with(`{"module":"tasks"}`), status: 400, want: "event.command: empty command"},
		{name: "ttl that is a string", body: with(`{"module":"tasks","command":"x","ttl":"5"}`), status: 400, want: "event.ttl: want seconds"},
		{name: "ttl of 0", body: with(`{"module":"tasks","command":"x","ttl":0}`), status: 400, want: "event.ttl: want seconds"},
		{name: "ttl that overflows", body: with(`{"module":"tasks","command":"x","ttl":9223372036854775807}`), status: 400, want: "event.ttl: want seconds"},
		{name: "unknown keep", body: with(`{"module":"tasks","command":"x","keep":"first"}`), status: 400, want: "event.keep: want"},
		{name: "keep without key", body: with(`{"module":"tasks","command":"x","keep":"last"}`), status: 400, want: "event.keep: tasks/x is kept Last"},
		{name: "own params that are no object", body: with(`{"module":"tasks","command":"x","perUser":{"1":[]}}`), status: 400, want: "event.perUser.1: not a JSON object"},
		{name: "params that are no object", body: with(`{"module":"tasks","command":"x","params":1,"perUser":{"1":{}}}`), status: 400, want: "event.params: params of tasks/x: with PerUser: not a JSON object"},
		{name: "user twice", body: with(`{"module":"tasks","command":"x","perUser":{"1":{},"1":{}}}`), status: 400, want: "event.perUser.1: the field is there twice"},
		{name: "own params of nobody", body: with(`{"module":"tasks","command":"x","perUser":{"":{}}}`), status: 400, want: "empty user id"},
		{name: "reserved extra", body: with(`{"module":"tasks","command":"x","extra":{"sender":1}}`), status: 400, want: `event.extra: the key \"sender\"`},
		{name: "reserved extra of a notification", body: with(`{"module":"tasks","extra":{"sender":1},"push":{"title":"t"}}`), status: 400, want: `event.extra: the key`},
		{name: "extra that is a list", body: with(`{"module":"tasks","command":"x","extra":[]}`), status: 400, want: `event.extra: want an object`},
		{name: "line break in the command", body: with(`{"module":"tasks","command":"a\nb"}`), status: 400, want: "event.command: command"},
		{name: "notification without title", body: with(`{"module":"tasks","command":"x","push":{"body":"b"}}`), status: 400, want: "event.push: Push.Title is missing"},
		{name: "unknown field of a notification", body: with(`{"module":"tasks","command":"x","push":{"titel":"b"}}`), status: 400, want: "event.push.titel: unknown field"},
		{name: "notification without a pusher", body: with(`{"module":"tasks","push":{"title":"b"}}`), status: 400, want: "event.push: notifications need Config.Pusher"},
		{name: "large event", body: good + "\n" + with(`{"module":"tasks","command":"x","params":"`+strings.Repeat("x", 64<<10)+`"}`), status: 413, want: "line 2: event: event too large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				a.withPublish(func(c *pull.PublishConfig) { c.Modules = append(c.Modules, "Later") })
				p, _ := a.fresh(t, "1")
				if test.body == "" {
					test.body = good
				}

				r := a.publish(t, test.body, test.headers...)

				content := text(r)
				if r.StatusCode != test.status || !strings.Contains(content, test.want) {
					t.Errorf("got %d %s, want %d and %q", r.StatusCode, content, test.status, test.want)
				}
				if challenged := strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Bearer"); challenged != (test.status == 401) {
					t.Errorf("got challenge %q", r.Header.Get("WWW-Authenticate"))
				}
				if strings.Contains(content, publishKey) {
					t.Error("the response has the key")
				}
				p.sees(t)
			})
		})
	}
}

func TestRefusalNamesLineAndFieldForPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPublish(nil)
		bad := `{"target":{"users":["1"]},"event":{"module":"tasks","command":"x","ttl":-1}}`

		batch, single := text(a.publish(t, toOne("x")+bad)), text(a.publish(t, bad, "Content-Type", "application/json"))

		const reason = "event.ttl: want seconds: a whole number from 1 to 3153600000"
		if want := `{"message":"Bad Request: line 2: ` + reason + `","line":2,"field":"event.ttl"}`; strings.TrimSpace(batch) != want {
			t.Errorf("got %s, want %s", batch, want)
		}
		if want := `{"message":"Bad Request: ` + reason + `","field":"event.ttl"}`; strings.TrimSpace(single) != want {
			t.Errorf("got %s, want %s", single, want)
		}
	})
}

// A body that does not come takes no time without end.
func TestPublishedBodyThatDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPublish(nil)
		connection, err := a.listener.Dial(t.Context(), "tcp", "app.test")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()

		_, _ = fmt.Fprintf(connection, "POST /publish HTTP/1.1\r\nHost: app.test\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{", publishKey)
		response, _ := io.ReadAll(connection)

		if took := time.Since(began); !strings.Contains(string(response), " 408 ") || took < 10*time.Second || took > 11*time.Second {
			t.Errorf("got %q after %s, want 408 after 10s", response, took)
		}
		_ = connection.Close()
	})
}

// During a rotation both keys are valid.
func TestTwoKeysDuringARotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPublish(func(c *pull.PublishConfig) { c.Keys = []string{publishKey, "another-key-of-the-shop=="} })
		r, _ := a.fresh(t, "1")
		other := []string{"Authorization", "bearer another-key-of-the-shop==", "Idempotency-Key", "1"}

		first := a.publishes(t, toOne("once"), "Idempotency-Key", "1")

		if again := a.publishes(t, toOne("once"), other...); again != first {
			t.Errorf("got %s with the other key, want %s: a request can be repeated with either", again, first)
		}
		r.sees(t, "once")
	})
}

func TestUnusablePublishConfigPanics(t *testing.T) {
	const key = "0123456789abcdef"
	for name, config := range map[string]pull.PublishConfig{
		"no key":        {Modules: []string{"tasks"}},
		"three keys":    {Keys: []string{key, key + "1", key + "2"}, Modules: []string{"tasks"}},
		"a key twice":   {Keys: []string{key, key}, Modules: []string{"tasks"}},
		"short key":     {Keys: []string{key[1:]}, Modules: []string{"tasks"}},
		"empty key":     {Keys: []string{key, ""}, Modules: []string{"tasks"}},
		"key with gap":  {Keys: []string{key + " x"}, Modules: []string{"tasks"}},
		"no module":     {Keys: []string{key}},
		"no module id":  {Keys: []string{key}, Modules: []string{"a b"}},
		"negative size": {Keys: []string{key}, Modules: []string{"tasks"}, BodyBytes: -1},
		"huge size":     {Keys: []string{key}, Modules: []string{"tasks"}, BodyBytes: 16<<20 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				defer func() {
					reason := fmt.Sprint(recover())
					if !strings.HasPrefix(reason, "pull: PublishConfig.") || strings.Contains(reason, key) {
						t.Errorf("got panic %q, want one that names the field and no key", reason)
					}
				}()

				a.PublishHandler(config)
			})
		})
	}
}

// The notification of a request that is repeated is sent once.
func TestPublishedNotificationIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, notified := newPushNodes(t, 2)
		defer stopAll(t, nodes)
		body := `{"target":{"users":["1"]},"event":{"module":"tasks","push":{"title":"alone","ttl":3600}}}` + "\n" +
			`{"target":{"users":["1"]},"event":{"module":"tasks","command":"x","push":{"title":"both"}}}`
		for _, a := range nodes {
			a.withPublish(nil)
			a.publishes(t, body, "Idempotency-Key", "1")
		}
		nodes[0].publishes(t, body, "Idempotency-Key", "1")

		notified.hasDelivered(t, 3*time.Minute, "1 alone +0", "1 both +0")
	})
}
