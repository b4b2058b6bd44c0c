package redisbroker_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/echo-pull/pull/redisbroker"
)

func TestConfigurationsThatCannotWorkAreErrors(t *testing.T) {
	s := shared(t)
	for name, test := range map[string]struct {
		config redisbroker.Config
		want   string
	}{
		"empty":        {redisbroker.Config{}, "Client or URL"},
		"both":         {redisbroker.Config{Client: open(t, s.url()), URL: s.url()}, "Client or URL"},
		"prefix":       {redisbroker.Config{URL: s.url(), Prefix: "a{b}"}, "Prefix"},
		"long prefix":  {redisbroker.Config{URL: s.url(), Prefix: strings.Repeat("x", 101)}, "Prefix"},
		"age":          {redisbroker.Config{URL: s.url(), KeepAge: -time.Second}, "KeepAge"},
		"count":        {redisbroker.Config{URL: s.url(), KeepCount: -1}, "KeepCount"},
		"url":          {redisbroker.Config{URL: "http://x"}, "URL"},
		"out of reach": {redisbroker.Config{URL: "unix:///nowhere"}, "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := redisbroker.New(test.config); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that names %q", err, test.want)
			}
		})
	}
}

func TestKeysThatCannotHoldTheLogAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change []any
		want   string
	}{
		"log is a list":    {[]any{"LPUSH", "{p}:log", "x"}, "is a list"},
		"meta is a string": {[]any{"SET", "{p}:meta", "x"}, "is a string"},
		"other stream":     {[]any{"XADD", "{p}:log", "*", "event", "x"}, "does not write"},
		"other entry":      {[]any{"XADD", "{p}:log", "7-1764000000000123456", "event", "x"}, "does not write"},
		"version":          {[]any{"HSET", "{p}:meta", "version", "2"}, "version 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s, prefix := shared(t), newPrefix()
			test.change[1] = strings.ReplaceAll(fmt.Sprint(test.change[1]), "{p}", "{"+prefix+"}")
			s.do(t, test.change)

			_, err := redisbroker.New(redisbroker.Config{URL: s.url(), Prefix: prefix})

			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that names %q", err, test.want)
			}
		})
	}
}

func TestKeysWithAnExpiryAreRefused(t *testing.T) {
	for _, key := range []string{"log", "meta"} {
		s, prefix := shared(t), newPrefix()
		publish(t, newBroker(t, s, prefix), "1")
		s.do(t, []any{"EXPIRE", "{" + prefix + "}:" + key, "1000"})

		_, err := redisbroker.New(redisbroker.Config{URL: s.url(), Prefix: prefix})

		if err == nil || !strings.Contains(err.Error(), "EXPIRE") {
			t.Errorf("got %v, want an error that names EXPIRE", err)
		}
	}
}

// The client belongs to the application.
func TestCloseLeavesTheAppsClientOpen(t *testing.T) {
	s := shared(t)
	c := open(t, s.url())
	b, err := redisbroker.New(redisbroker.Config{Client: c, Prefix: newPrefix()})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Errorf("the client is closed: %v", err)
	}
}

// Settings that can lose messages are no error, but the log says so.
func TestSettingsThatCanLoseMessagesAreReported(t *testing.T) {
	for name, test := range map[string]struct {
		options []string
		want    string
	}{
		"eviction":  {[]string{"--maxmemory-policy", "allkeys-lru"}, "setting=maxmemory-policy value=allkeys-lru"},
		"no file":   {[]string{"--appendonly", "no"}, "setting=appendonly value=no"},
		"no fsync":  {[]string{"--appendfsync", "no"}, "setting=appendfsync value=no"},
		"forbidden": {[]string{"--appendonly", "no", "--rename-command", "CONFIG", ""}, ""},
		"safe":      {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, test.options...)
			var logs bytes.Buffer

			newBroker(t, s, "pull", func(c *redisbroker.Config) { c.Logger = slog.New(slog.NewTextHandler(&logs, nil)) })

			if got := logs.String(); test.want == "" && got != "" || !strings.Contains(got, test.want) || strings.Count(got, "\n") > 1 {
				t.Errorf("got %q, want one line with %q", got, test.want)
			}
		})
	}
}

// commands are what the documentation lists.
const commands = "+eval +evalsha +info +time +type +pttl +exists +unlink +hget +hmget +hgetall +hset +hdel +xadd +xread +xrange +xrevrange +xtrim"

func TestUserWithFewRights(t *testing.T) {
	s := newServer(t)
	user := func(name, rights string) {
		args := []any{"ACL", "SETUSER", name, "on", ">secret", "~{pull}:*", "-@all"}
		for right := range strings.FieldsSeq(rights) {
			args = append(args, right)
		}
		s.do(t, args)
	}
	user("app", commands)
	b := newBroker(t, s, "pull", func(c *redisbroker.Config) { c.URL = "unix://app:secret@" + s.socket() })
	l := follow(t, b)
	publish(t, b, "1")
	l.sees(t, "1")
	s.do(t, []any{"FLUSHALL"})
	_, _ = l.fails(t, 1)
	publish(t, b, "2")
	l.sees(t, "2")

	user("blind", strings.ReplaceAll(commands, "+info ", ""))
	_, err := redisbroker.New(redisbroker.Config{URL: "unix://blind:secret@" + s.socket()})
	if err == nil || !strings.Contains(strings.ToUpper(err.Error()), "INFO") {
		t.Errorf("got %v, want an error that names INFO", err)
	}
	_, err = redisbroker.New(redisbroker.Config{URL: "unix://app:secret@" + s.socket(), Prefix: "other"})
	if err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("got %v, want an error about other keys", err)
	}
}

// Both keys are in one slot, so a cluster holds the log as one server does.
func TestCluster(t *testing.T) {
	s := &server{dir: directory(t), port: freePort(t)}
	s.options = []string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)), "--appendfsync", "always"}
	s.start(t)
	s.do(t, []any{"CLUSTER", "ADDSLOTSRANGE", 0, 16383})
	address := fmt.Sprintf("127.0.0.1:%d", s.port)
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{address}})
	t.Cleanup(func() { _ = c.Close() })
	eventually(t, func() error { return c.Set(t.Context(), "x", 1, 0).Err() })
	b := newBroker(t, s, "pull", func(config *redisbroker.Config) { config.Client, config.URL = c, "" })
	other := newBroker(t, s, "pull")
	l, second := follow(t, b), follow(t, other)
	publish(t, b, "1")
	publish(t, other, "2")
	unbroken(t, l.sees(t, "2"))
	second.sees(t, "2")

	s.restart(t)

	publish(t, b, "3")
	unbroken(t, l.sees(t, "3"))
	publish(t, other, "4")
	unbroken(t, second.sees(t, "4"))
}
