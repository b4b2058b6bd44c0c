package pgbroker_test

import (
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/echo-pull/pull/pgbroker"
)

// What an administrator sets for a role holds for all of its connections.
func TestSettingsOfTheRoleDoNotMatter(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.exec(t, "CREATE ROLE app LOGIN", "CREATE SCHEMA app AUTHORIZATION app")
	for _, setting := range []string{
		"statement_timeout = '30s'", // jit_above_cost makes statements slow when the disk and the processor are busy
		"lock_timeout = '30s'",
		"idle_in_transaction_session_timeout = '1s'",
		"idle_session_timeout = '1s'",
		"default_transaction_isolation = serializable",
		"synchronous_commit = off",
		"extra_float_digits = -15",
		"bytea_output = escape",
		"DateStyle = 'SQL, DMY'",
		"IntervalStyle = iso_8601",
		"TimeZone = 'Pacific/Chatham'",
		"search_path = nowhere",
		"jit_above_cost = 0",
		"enable_indexscan = off",
	} {
		s.exec(t, "ALTER ROLE app SET "+setting)
	}
	for _, mode := range []string{"cache_statement", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			to := strings.Replace(s.url(), "user=postgres", "user=app", 1)
			prefix := "app." + newPrefix()
			configure := func(c *pgbroker.Config) {
				c.DB, c.URL = open(t, to+"&default_query_exec_mode="+url.QueryEscape(mode)), to
			}
			nodes := []*pgbroker.Broker{newBroker(t, s, prefix, configure), newBroker(t, s, prefix, configure)}
			l := follow(t, nodes[1])
			var all sync.WaitGroup
			for _, b := range nodes {
				all.Go(func() {
					for n := range 50 {
						if err := b.Publish(t.Context(), []byte(strconv.Itoa(n)), []byte("\x00\xff\\'")); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			publish(t, nodes[0], "end")

			entries := l.sees(t, "end")
			unbroken(t, entries)
			if len(entries) != 201 || entries[1].message != "\x00\xff\\'" {
				t.Errorf("got %d messages, the second %q, want 201 unaltered ones", len(entries), entries[1].message)
			}
			if _, failed, _ := l.state(); len(failed) > 0 {
				t.Errorf("got errors %v, want none", failed)
			}
		})
	}
}
