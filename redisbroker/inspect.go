package redisbroker

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// inspect returns an error for what would make the log unreliable, and warns of
// settings that endanger it.
func (b *Broker) inspect(ctx context.Context) error {
	info, err := b.client.Info(ctx, "server").Result()
	if err != nil {
		return fmt.Errorf("INFO: %w", err)
	}
	if v := field(info, "redis_version"); !recent(v) {
		return fmt.Errorf("the server has version %s, want 6.2 or later", v)
	}
	for key, want := range map[string]string{b.log: "stream", b.meta: "hash"} {
		if err := b.inspectKey(ctx, key, want); err != nil {
			return err
		}
	}
	if err := b.inspectEntries(ctx); err != nil {
		return err
	}
	if version := b.client.HGet(ctx, b.meta, "version").Val(); version != "" && version != "1" {
		return fmt.Errorf("the key %s has version %s, this module needs 1", b.meta, version)
	}
	b.warn(ctx)
	return nil
}

func (b *Broker) inspectKey(ctx context.Context, key, want string) error {
	kind, err := b.client.Type(ctx, key).Result()
	if err != nil {
		return err
	}
	if kind != "none" && kind != want {
		return fmt.Errorf("the key %s is a %s, want a %s: choose another Config.Prefix", key, kind, want)
	}
	left, err := b.client.PTTL(ctx, key).Result()
	if err == nil && left > 0 {
		err = fmt.Errorf("the key %s has an expiry (EXPIRE): the log would end in %v", key, left)
	}
	return err
}

// inspectEntries makes sure that the stream is not another program's.
func (b *Broker) inspectEntries(ctx context.Context) error {
	last, err := b.client.XRevRangeN(ctx, b.log, "+", "-", 1).Result()
	if err != nil || len(last) == 0 {
		return err
	}
	_, err = parse(last[0])
	return err
}

// parse returns the message of an entry.
func parse(entry redis.XMessage) (record, error) {
	at, err := parseID(entry.ID)
	if err != nil {
		return record{}, err
	}
	text, found := entry.Values["m"].(string)
	if !found || len(entry.Values) != 1 || !at.isMessage() {
		return record{}, fmt.Errorf("the stream has the entry %.50q, which this module does not write", entry.ID)
	}
	return record{at, []byte(text)}, nil
}

// warn logs settings with which the server may drop the log. Many services forbid
// to read them, which is no error.
func (b *Broker) warn(ctx context.Context) {
	for name, bad := range map[string]func(string) bool{
		"maxmemory-policy": func(v string) bool { return strings.HasPrefix(v, "allkeys-") },
		"appendonly":       func(v string) bool { return v == "no" },
		"appendfsync":      func(v string) bool { return v == "no" },
	} {
		if value := b.client.ConfigGet(ctx, name).Val()[name]; bad(value) {
			b.config.Logger.Warn("redisbroker: the server's setting can lose messages; pages are then notified of a gap", "setting", name, "value", value)
		}
	}
}

// field returns a field of the reply to INFO.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// recent reports whether a version is 6.2 or later.
func recent(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	minor, minorErr := strconv.Atoi(parts[1])
	return err == nil && minorErr == nil && (major > 6 || major == 6 && minor >= 2)
}
