package redisbroker_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// This file looks into the keys of the log with the prefix "pull".

// hash returns a field of the hash.
func (s *server) hash(t testing.TB, field string) (string, bool) {
	t.Helper()
	c := open(t, s.url())
	defer func() { _ = c.Close() }()
	all, err := c.HGetAll(t.Context(), "{pull}:meta").Result()
	if err != nil {
		t.Fatal(err)
	}
	value, found := all[field]
	return value, found
}

// settled returns an error while nodes are waited for.
func (s *server) settled(t testing.TB) error {
	t.Helper()
	if until, doubt := s.hash(t, "doubt"); doubt {
		return fmt.Errorf("nodes are waited for until %s", until)
	}
	return nil
}

// nodes returns an error unless so many nodes are known.
func (s *server) nodes(t testing.TB, want int) error {
	t.Helper()
	c := open(t, s.url())
	defer func() { _ = c.Close() }()
	all, err := c.HKeys(t.Context(), "{pull}:meta").Result()
	got := 0
	for _, name := range all {
		if strings.HasPrefix(name, "node:") {
			got++
		}
	}
	if err == nil && got != want {
		err = fmt.Errorf("the log knows %d nodes, want %d", got, want)
	}
	return err
}

// gone returns an error while the server has one of the keys.
func (s *server) gone(t testing.TB) error {
	t.Helper()
	c := open(t, s.url())
	defer func() { _ = c.Close() }()
	n, err := c.Exists(t.Context(), "{pull}:log").Result()
	if err == nil && n > 0 {
		err = errors.New("the log is still there")
	}
	return err
}

func (s *server) deleteLast(t testing.TB) {
	t.Helper()
	last, _ := s.hash(t, "last")
	s.do(t, []any{"XDEL", "{pull}:log", last})
}

// dump keeps a copy of the keys. restore puts it in their place while the server
// runs.
func (s *server) dump(t testing.TB) {
	t.Helper()
	c := open(t, s.url())
	for _, key := range []string{"log", "meta"} {
		text, err := c.Dump(t.Context(), "{pull}:"+key).Result()
		if err == nil {
			err = os.WriteFile(filepath.Join(s.dir, key), []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s *server) restore(t testing.TB) {
	t.Helper()
	c := open(t, s.url())
	for _, key := range []string{"log", "meta"} {
		text, err := os.ReadFile(filepath.Join(s.dir, key))
		if err == nil {
			err = c.RestoreReplace(t.Context(), "{pull}:"+key, 0, string(text)).Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
