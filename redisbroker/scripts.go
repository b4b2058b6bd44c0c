package redisbroker

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/log.lua
var logLua string

//go:embed lua/publish.lua
var publishLua string

//go:embed lua/confirm.lua
var confirmLua string

//go:embed lua/since.lua
var sinceLua string

//go:embed lua/read.lua
var readLua string

// scripts are what runs in the server, each in one step.
type scripts struct {
	publish, confirm, since, read *redis.Script
}

func newScripts() scripts {
	return scripts{
		publish: redis.NewScript(publishLua),
		confirm: redis.NewScript(logLua + confirmLua),
		since:   redis.NewScript(logLua + sinceLua),
		read:    redis.NewScript(logLua + readLua),
	}
}

// errReply is a reply that no script of this module gives.
var errReply = errors.New("the server has sent an unexpected reply")

// call runs a script, and returns its reply, which is a list of strings.
func (b *Broker) call(ctx context.Context, script *redis.Script, args ...any) ([]string, error) {
	list, err := script.Run(ctx, b.client, []string{b.log, b.meta}, args...).Slice()
	if err != nil {
		return nil, err
	}
	reply := make([]string, len(list))
	for i, value := range list {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("%w: %T", errReply, value)
		}
		reply[i] = text
	}
	return reply, nil
}
