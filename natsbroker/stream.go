package natsbroker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// wanted returns the configuration of the stream that Create creates.
func (b *Broker) wanted() jetstream.StreamConfig {
	c := jetstream.StreamConfig{
		Name:        b.config.Prefix,
		Description: "the log of github.com/echo-pull/pull",
		Subjects:    []string{b.subject},
		MaxMsgs:     int64(b.config.KeepCount),
		MaxBytes:    b.config.KeepBytes,
		MaxAge:      b.config.KeepAge,
		// The broker sends no Nats-Msg-Id. The server wants a window all the same, no longer than MaxAge.
		Duplicates: min(2*time.Minute, b.config.KeepAge),
		Replicas:   b.config.Replicas,
		DenyDelete: true,
		DenyPurge:  true,
	}
	c.MaxConsumers, c.MaxMsgsPerSubject, c.MaxMsgSize = -1, -1, -1
	if b.config.Memory {
		c.Storage = jetstream.MemoryStorage
	}
	return c
}

// prepare returns what the server knows of the stream, and creates it where it is
// missing, if it may.
func (b *Broker) prepare(ctx context.Context) (*jetstream.StreamInfo, error) {
	info, err := b.info(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if !b.config.Create {
			return nil, b.missing()
		}
		if info, err = b.create(ctx); err != nil {
			return nil, fmt.Errorf("create the stream %s: %w", b.config.Prefix, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("look at the stream %s: %w", b.config.Prefix, hint(err))
	}
	if err := b.refuse(&info.Config); err != nil {
		return nil, err
	}
	b.existed.Store(true)
	b.maxSize.Store(info.Config.MaxMsgSize)
	if info.TimeStamp.IsZero() {
		return nil, fmt.Errorf("the server has version %s, want 2.10 or later", b.conn.ConnectedServerVersion())
	}
	return info, nil
}

// info asks the server about the stream, until it answers or ctx ends.
func (b *Broker) info(ctx context.Context) (info *jetstream.StreamInfo, err error) {
	err = b.patiently(ctx, 0, func(ctx context.Context) error {
		stream, err := b.js.Stream(ctx, b.config.Prefix)
		if err == nil {
			info = stream.CachedInfo()
		}
		return err
	})
	return info, err
}

// create creates the stream. Nodes that start at the same time all do so.
func (b *Broker) create(ctx context.Context) (info *jetstream.StreamInfo, err error) {
	// A server that is still deleting the files of a stream would delete those of the new one as well, and then store
	// nothing until it is restarted: seen with 2.15.2.
	const deletion = 500 * time.Millisecond
	if b.existed.Load() && !pause(ctx, deletion) {
		return nil, context.Cause(ctx)
	}
	err = b.patiently(ctx, 0, func(ctx context.Context) error {
		stream, err := b.js.CreateStream(ctx, b.wanted())
		if err == nil {
			info = stream.CachedInfo()
		}
		return err
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // by another node, with another configuration
		return b.info(ctx)
	}
	return info, err
}

// patiently repeats a call, which transfers so many bytes, as long as the server,
// or its cluster, is not ready.
func (b *Broker) patiently(ctx context.Context, size int, call func(context.Context) error) error {
	for {
		err := b.connected(ctx)
		if err != nil {
			return err
		}
		if err = b.attempt(ctx, time.Second+forBytes(size), call); !isUnready(err) || !pause(ctx, 50*time.Millisecond) {
			return explain(ctx, err)
		}
	}
}

// attempt is a call that does not wait for long: a connection that breaks loses the
// answer.
func (b *Broker) attempt(ctx context.Context, limit time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errNoAnswer)
	defer cancel()
	return call(ctx)
}

// forBytes is how much longer a transfer of so many bytes may take.
func forBytes(n int) time.Duration {
	const rate = 1 << 20 // bytes a second
	return time.Duration(n) * time.Second / rate
}

// isUnready reports whether a call may succeed later, although nothing changes but
// the state of the servers.
func isUnready(err error) bool {
	const unavailable, noPeers = 503, 10005 // a cluster whose servers have not all come yet
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api):
		return api.ErrorCode == noPeers || api.Code == unavailable && api.ErrorCode != jetstream.JSErrCodeJetStreamNotEnabledForAccount
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrNoResponders),
		errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrReconnectBufExceeded):
		return true
	}
	return false
}

// explain replaces the error of a context with its cause.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}

// A missingError reports that there is no stream.
type missingError struct{ text string }

func (e *missingError) Error() string { return e.text }

func (b *Broker) missing() error {
	config, err := json.MarshalIndent(b.wanted(), "", "  ")
	if err != nil {
		return err
	}
	return &missingError{fmt.Sprintf(
		"the stream %s is missing; set Config.Create, or create it with this configuration (nats stream add --config FILE):\n\n%s",
		b.config.Prefix, config)}
}

// A refusedError reports a stream whose settings would make the log unreliable.
type refusedError struct{ stream, reason string }

func (e *refusedError) Error() string {
	return fmt.Sprintf("the stream %s cannot hold the log: %s", e.stream, e.reason)
}

// refuse returns an error if a stream may drop a message before its time, alter
// one, or contain others. It names the setting as "nats stream info --json" does.
func (b *Broker) refuse(c *jetstream.StreamConfig) error {
	for _, rule := range []struct {
		wrong  bool
		reason string
	}{
		{!slices.Equal(c.Subjects, []string{b.subject}), fmt.Sprintf("its subjects are %q, want only %q", c.Subjects, b.subject)},
		{c.Retention != jetstream.LimitsPolicy, fmt.Sprintf("its retention is %s, want Limits", c.Retention)},
		{c.Discard != jetstream.DiscardOld, "its discard policy is New, want Old: a full stream would take no messages"},
		{c.MaxAge != 0 && c.MaxAge < b.config.KeepAge, fmt.Sprintf("its max_age is %v, below Config.KeepAge, %v", c.MaxAge, b.config.KeepAge)},
		{c.MaxMsgsPerSubject > 0, fmt.Sprintf("its max_msgs_per_subject is %d, want no limit", c.MaxMsgsPerSubject)},
		{c.MaxConsumers > 0, fmt.Sprintf("its max_consumers is %d, want no limit: each node needs one", c.MaxConsumers)},
		{!c.DenyDelete, "its deny_delete is false: a deleted message would be a hole"},
		{!c.DenyPurge, "its deny_purge is false: a purge would be a hole"},
		{c.AllowMsgTTL, "its allow_msg_ttl is true: a message could expire before those ahead of it"},
		{c.AllowRollup, "its allow_rollup_hdrs is true: a message could replace all others"},
		{c.AllowMsgCounter, "its allow_msg_counter is true: messages would be altered"},
		{c.AllowMsgSchedules, "its allow_msg_schedules is true: messages would not be stored at once"},
		{c.NoAck, "its no_ack is true: Publish could not know whether a message is stored"},
		{c.PersistMode != jetstream.DefaultPersistMode, "its persist_mode is async: a crash of the server would lose messages that it has acknowledged"},
		{c.Sealed, "it is sealed"},
		{c.Mirror != nil || len(c.Sources) > 0, "it is a mirror, or has sources"},
		{c.SubjectTransform != nil, "it has a subject_transform"},
	} {
		if rule.wrong {
			return &refusedError{c.Name, rule.reason}
		}
	}
	return nil
}

// hint adds to an error what the operator can do about it.
func hint(err error) error {
	if errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("JetStream is starting, or is not enabled on the server (nats-server -js) or for this account: %w", err)
	}
	return err
}
