package redisbroker

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// What one read takes at most, unless a few messages have more bytes.
const (
	batchMessages = 512
	batchBytes    = 1 << 20
	fewMessages   = 16 // while waiting: the server cannot bound the bytes then
)

// blocking is how long a read waits for a message.
const blocking = time.Second

// A record is a message of the log.
type record struct {
	id      id
	message []byte
}

// read returns the next messages. If there is none, it waits for a while.
func (s *subscription) read(ctx context.Context) ([]record, error) {
	if s.behind {
		records, err := within(ctx, s.limit, s.catchUp)
		s.behind = err == nil && len(records) > 0
		if err != nil || len(records) > 0 {
			return records, err
		}
	}
	return within(ctx, s.limit, s.wait)
}

// catchUp reads as much as the bounds allow.
func (s *subscription) catchUp(ctx context.Context) ([]record, error) {
	reply, err := s.call(ctx, s.scripts.read, s.at.id.String(), batchMessages, batchBytes)
	if err != nil {
		return nil, err
	}
	if len(reply)%2 != 1 {
		return nil, errReply
	}
	if reply[0] != s.at.epoch {
		return nil, errOther
	}
	records := make([]record, 0, len(reply)/2)
	for i := 1; i < len(reply); i += 2 {
		at, err := parseID(reply[i])
		if err != nil {
			return nil, err
		}
		records = append(records, record{at, []byte(reply[i+1])})
	}
	return records, nil
}

// wait waits for messages. It never asks for those after "$", which would leave
// out what has come since the last read.
func (s *subscription) wait(ctx context.Context) ([]record, error) {
	count := int64(fewMessages)
	if s.slow {
		count = 1
	}
	streams, err := s.client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{s.log, s.at.id.String()}, Count: count, Block: blocking,
	}).Result()
	if errors.Is(err, redis.Nil) || len(streams) == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	records := make([]record, 0, count)
	for _, entry := range streams[0].Messages {
		r, err := parse(entry)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	s.behind = len(records) == fewMessages
	return records, nil
}
