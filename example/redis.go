package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/echo-pull/pull/redisbroker"
)

// A redisStore keeps the list in a hash: the tasks by id, and the revision. A change
// and its event are two steps. If a node dies in between, pages notice that with the
// next change, by the revision that is missing.
type redisStore struct {
	client *redis.Client
	script *redis.Script // redisChange
}

const (
	redisKey      = "tasks"
	redisRevision = "revision" // its field in the hash
)

func openRedis(url string) (engine, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return engine{}, err
	}
	client := redis.NewClient(options)
	broker, err := redisbroker.New(redisbroker.Config{Client: client})
	if err != nil {
		return engine{}, errors.Join(err, client.Close())
	}
	end := func() error { return errors.Join(broker.Close(), client.Close()) }
	return engine{log: broker, tasks: redisStore{client, redis.NewScript(redisChange)}, close: end}, nil
}

func (s redisStore) all(ctx context.Context) (list, error) {
	hash, err := s.client.HGetAll(ctx, redisKey).Result()
	if err != nil {
		return list{}, err
	}
	l := list{Tasks: make(map[string]task, len(hash))}
	for field, value := range hash {
		var t task
		if field == redisRevision {
			err = json.Unmarshal([]byte(value), &l.Revision)
		} else if err = json.Unmarshal([]byte(value), &t); err == nil {
			l.Tasks[field] = t
		}
		if err != nil {
			return list{}, fmt.Errorf("field %s of the hash %s: %w", field, redisKey, err)
		}
	}
	return l, nil
}

func (s redisStore) add(ctx context.Context, t task, announce announcer) error {
	return s.put(ctx, "HSETNX", t, announce)
}

func (s redisStore) update(ctx context.Context, t task, announce announcer) error {
	return s.put(ctx, "HSET", t, announce)
}

func (s redisStore) put(ctx context.Context, command string, t task, announce announcer) error {
	value, err := json.Marshal(t)
	if err != nil {
		return err
	}
	revision, _, err := s.change(ctx, command, t.ID, value)
	if err != nil {
		return err
	}
	t.Revision = revision
	return announce(nil, t)
}

func (s redisStore) remove(ctx context.Context, id string, announce announcer) error {
	revision, value, err := s.change(ctx, "HDEL", id)
	if err != nil {
		return err
	}
	var t task
	if err := json.Unmarshal([]byte(value), &t); err != nil {
		return err
	}
	t.Revision = revision
	return announce(nil, t)
}

// redisChange changes a task and counts that, in one step. It returns the revision,
// and the task as it was. HSETNX needs no task before; the other commands do.
const redisChange = `
	local key, command, id = KEYS[1], ARGV[1], ARGV[2]
	local before = redis.call('HGET', key, id)
	if not before and command ~= 'HSETNX' then
		return {0, ''}
	end
	redis.call(command, key, id, unpack(ARGV, 3))
	return {redis.call('HINCRBY', key, '` + redisRevision + `', 1), before or ''}`

func (s redisStore) change(ctx context.Context, command, id string, value ...any) (revision int64, before string, err error) {
	got, err := s.script.Run(ctx, s.client, []string{redisKey}, append([]any{command, id}, value...)...).Slice()
	if err != nil {
		return 0, "", err
	}
	revision, before = got[0].(int64), got[1].(string)
	if revision == 0 {
		return 0, "", errGone
	}
	return revision, before, nil
}
