package natsbroker_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/echo-pull/pull/natsbroker"
)

func TestMissingStreamIsAnErrorWithItsConfiguration(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	config := natsbroker.Config{URL: s.url(), Prefix: prefix}

	_, err := natsbroker.New(config)

	if err == nil {
		t.Fatal("got nil, want an error")
	}
	_, text, found := strings.Cut(err.Error(), "\n\n")
	if !found {
		t.Fatalf("got %v, want the configuration", err)
	}
	var wanted jetstream.StreamConfig
	if err := json.Unmarshal([]byte(text), &wanted); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if _, err := operator(t, s.url()).CreateStream(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	b, err := natsbroker.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	publish(t, b, "works")
	follow(t, b).sees(t, "works")
}

func TestStreamsThatWouldMakeHolesAreRefused(t *testing.T) {
	s := shared(t)
	for name, test := range map[string]struct {
		change func(*jetstream.StreamConfig)
		want   string
	}{
		"subjects":    {func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, c.Name+".other") }, "subjects"},
		"interest":    {func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }, "retention"},
		"work queue":  {func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }, "retention"},
		"discard new": {func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardNew }, "discard"},
		"age":         {func(c *jetstream.StreamConfig) { c.MaxAge = 5 * time.Minute }, "max_age"},
		"per subject": {func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 10 }, "max_msgs_per_subject"},
		"consumers":   {func(c *jetstream.StreamConfig) { c.MaxConsumers = 1 }, "max_consumers"},
		"delete":      {func(c *jetstream.StreamConfig) { c.DenyDelete = false }, "deny_delete"},
		"purge":       {func(c *jetstream.StreamConfig) { c.DenyPurge = false }, "deny_purge"},
		"ttl":         {func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true }, "allow_msg_ttl"},
		"rollup":      {func(c *jetstream.StreamConfig) { c.DenyPurge, c.AllowRollup = false, true }, "deny_purge"},
		"counter":     {func(c *jetstream.StreamConfig) { c.AllowMsgCounter = true }, "allow_msg_counter"},
		"schedules":   {func(c *jetstream.StreamConfig) { c.AllowMsgSchedules = true }, "deny_purge"}, // the server allows it then
		"no ack":      {func(c *jetstream.StreamConfig) { c.NoAck = true }, "no_ack"},
		"async":       {func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode }, "persist_mode"},
		"mirror": {func(c *jetstream.StreamConfig) {
			c.Subjects, c.Mirror = nil, &jetstream.StreamSource{Name: "elsewhere"}
		}, "subjects"},
		"sources":   {func(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: "elsewhere"}} }, "sources"},
		"transform": {func(c *jetstream.StreamConfig) { c.SubjectTransform = transform(c.Name) }, "subject_transform"},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := newPrefix()
			config := jetstream.StreamConfig{Name: prefix, Subjects: []string{prefix + ".log"}, DenyDelete: true, DenyPurge: true}
			test.change(&config)
			js := operator(t, s.url())
			if _, err := js.CreateStream(t.Context(), config); err != nil {
				t.Fatal(err)
			}

			_, err := natsbroker.New(natsbroker.Config{URL: s.url(), Prefix: prefix, Create: true})

			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that names %q", err, test.want)
			}
			stream, err := js.Stream(t.Context(), prefix)
			if err != nil {
				t.Fatal(err)
			}
			if got := stream.CachedInfo().Config; got.Discard != config.Discard || got.Retention != config.Retention {
				t.Errorf("the stream was changed to %v", got)
			}
		})
	}
}

func transform(name string) *jetstream.SubjectTransformConfig {
	return &jetstream.SubjectTransformConfig{Source: name + ".log", Destination: name + ".other"}
}

// A stream of the operator's own choice is good if it keeps what it must.
func TestStreamWithOtherLimitsWorks(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	_, err := operator(t, s.url()).CreateStream(t.Context(), jetstream.StreamConfig{
		Name: prefix, Subjects: []string{prefix + ".log"}, DenyDelete: true, DenyPurge: true,
		AllowDirect: true, MaxAge: time.Hour, MaxMsgSize: 10_000, Storage: jetstream.MemoryStorage, Compression: jetstream.S2Compression,
	})
	if err != nil {
		t.Fatal(err)
	}
	b, other := newBroker(t, s, prefix), newBroker(t, s, prefix)
	l := follow(t, other)
	publish(t, b, "one")
	publish(t, other, "two")
	publish(t, b, "three")
	unbroken(t, l.sees(t, "three"))
	if most := b.MaxMessageBytes(); most > 10_000 || most < 9_000 {
		t.Errorf("got MaxMessageBytes %d, want a little less than the stream's max_msg_size, 10000", most)
	}
	if err := b.Publish(t.Context(), make([]byte, b.MaxMessageBytes())); err != nil {
		t.Errorf("got %v for a message of MaxMessageBytes", err)
	}
}

func TestConfigurationsThatCannotWorkAreErrors(t *testing.T) {
	s := shared(t)
	for name, test := range map[string]struct {
		config natsbroker.Config
		want   string
	}{
		"empty":        {natsbroker.Config{}, "Conn or URL"},
		"both":         {natsbroker.Config{URL: s.url(), Conn: connect(t, s.url())}, "both"},
		"prefix":       {natsbroker.Config{URL: s.url(), Prefix: "a.>"}, "Prefix"},
		"long prefix":  {natsbroker.Config{URL: s.url(), Prefix: strings.Repeat("x", 65)}, "Prefix"},
		"age":          {natsbroker.Config{URL: s.url(), KeepAge: -time.Second}, "KeepAge"},
		"short age":    {natsbroker.Config{URL: s.url(), KeepAge: time.Millisecond}, "KeepAge"},
		"count":        {natsbroker.Config{URL: s.url(), KeepCount: -1}, "KeepCount"},
		"bytes":        {natsbroker.Config{URL: s.url(), KeepBytes: -1}, "KeepBytes"},
		"replicas":     {natsbroker.Config{URL: s.url(), Replicas: 2}, "Replicas"},
		"alone":        {natsbroker.Config{URL: s.url(), Prefix: newPrefix(), Replicas: 3, Create: true}, "replicas"},
		"out of reach": {natsbroker.Config{URL: "nats://127.0.0.1:1"}, "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := natsbroker.New(test.config); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that names %q", err, test.want)
			}
		})
	}
}

// Nodes that start at the same time all want to create the stream.
func TestNodesCreateTheStreamTogether(t *testing.T) {
	s, prefix := shared(t), newPrefix()
	failed := make(chan error, 10)
	for i := range cap(failed) {
		go func() { // with configurations that differ, as during a deploy
			b, err := natsbroker.New(natsbroker.Config{URL: s.url(), Create: true, Prefix: prefix, KeepCount: 1000 + i})
			if err == nil {
				_ = b.Close()
			}
			failed <- err
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	b := newBroker(t, s, prefix)
	publish(t, b, "works")
	follow(t, b).sees(t, "works")
}

// The connection belongs to the application.
func TestCloseLeavesTheAppsConnectionOpen(t *testing.T) {
	s := shared(t)
	nc := connect(t, s.url())
	b, err := natsbroker.New(natsbroker.Config{Conn: nc, Create: true, Prefix: newPrefix()})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Errorf("the connection is closed: %v", err)
	}
}
