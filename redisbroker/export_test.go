package redisbroker

import (
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// SkewServer has the scripts of a broker see a server whose clock is ahead.
func SkewServer(b *Broker, ahead time.Duration) {
	skewed := func(script string) *redis.Script {
		const clock = "[1] * 1000 +"
		if !strings.Contains(script, clock) {
			panic("the script has no clock")
		}
		return redis.NewScript(strings.ReplaceAll(script, clock, fmt.Sprintf("%s %d +", clock, ahead.Milliseconds())))
	}
	b.scripts.publish, b.scripts.confirm, b.scripts.since = skewed(publishLua), skewed(logLua+confirmLua), skewed(logLua+sinceLua)
}
