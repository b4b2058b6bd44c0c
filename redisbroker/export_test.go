package redisbroker

import (
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// SkewServer has the scripts of a broker see a server whose clock is ahead.
func SkewServer(b *Broker, ahead time.Duration) {
	const clock = "return t[1] * 1000 +"
	skewed := strings.Replace(logLua, clock, fmt.Sprintf("%s %d +", clock, ahead.Milliseconds()), 1)
	if skewed == logLua {
		panic("the script has no clock")
	}
	b.scripts = scripts{
		publish: redis.NewScript(skewed + publishLua),
		confirm: redis.NewScript(skewed + confirmLua),
		since:   redis.NewScript(skewed + sinceLua),
		read:    redis.NewScript(skewed + readLua),
	}
}
