package engine

import (
	"log/slog"
	"time"

	"github.com/echo-pull/pull/internal/oplog"
)

// calm is how long something must have succeeded before its outage is over. What
// fails again within that time is the same outage.
const calm = 2 * time.Second

// An outage is a time in which something fails that is tried again and again. Its
// first error is reported, the others are not, and its beginning and end are logged. It is owned
// by one goroutine.
type outage struct {
	report func(error)
	logger *slog.Logger
	part   string // what fails, for the log

	began  time.Time // zero outside an outage
	mended time.Time // the first success after the last failure, or zero
}

// Report reports an error unless the outage has begun before.
func (o *outage) Report(err error) {
	o.mended = time.Time{}
	if o.began.IsZero() {
		o.began = time.Now()
		oplog.BrokerLost.Log(o.logger, o.part)
		o.report(err)
	}
}

// Succeed notes a success, and logs the end of an outage.
func (o *outage) Succeed() {
	if o.began.IsZero() {
		return
	}
	now := time.Now()
	if o.mended.IsZero() {
		o.mended = now
	}
	if now.Sub(o.mended) >= calm {
		oplog.BrokerBack.Log(o.logger, o.part, o.mended.Sub(o.began).Round(time.Second))
		o.began = time.Time{}
	}
}
