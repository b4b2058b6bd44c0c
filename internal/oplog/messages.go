package oplog

import "log/slog"

// The node.
var (
	Unusable = Message{slog.LevelWarn, "pull: unusable configuration", []string{"error"}} //nolint:gochecknoglobals // a constant

	Started = Message{slog.LevelInfo, "pull: started", []string{"node", "broker"}}        //nolint:gochecknoglobals // a constant
	Stopped = Message{slog.LevelInfo, "pull: stopped", []string{"node", "after", "took"}} //nolint:gochecknoglobals // a constant
)

// The log. part is what fails: "publish", "subscription" or "outbox".
var (
	BrokerLost   = Message{slog.LevelInfo, "pull: the broker is lost", []string{"part"}}                        //nolint:gochecknoglobals // a constant
	BrokerBack   = Message{slog.LevelInfo, "pull: the broker is back", []string{"part", "after"}}               //nolint:gochecknoglobals // a constant
	EpochChanged = Message{slog.LevelInfo, "pull: the log has a new epoch", []string{"from", "to"}}             //nolint:gochecknoglobals // a constant
	Gaps         = Message{slog.LevelInfo, "pull: sessions were notified of a gap", []string{"cause", "count"}} //nolint:gochecknoglobals // a constant

	SlowLog       = Message{slog.LevelWarn, "pull: events were slow to come back from the log", []string{"count", "above"}}              //nolint:gochecknoglobals // a constant
	QueueHalfFull = Message{slog.LevelWarn, "pull: the publisher's queue was more than half full", []string{"count", "events", "bytes"}} //nolint:gochecknoglobals // a constant
)

// Requests and sessions.
var (
	Refused       = Message{slog.LevelWarn, "pull: requests were refused", []string{"reason", "count"}}       //nolint:gochecknoglobals // a constant
	Cut           = Message{slog.LevelWarn, "pull: sessions were closed", []string{"reason", "count"}}        //nolint:gochecknoglobals // a constant
	ForeignOrigin = Message{slog.LevelWarn, "pull: origin not allowed", []string{"origin", "host", "scheme"}} //nolint:gochecknoglobals // a constant
	ForeignHost   = Message{slog.LevelWarn, "pull: host not allowed", []string{"host"}}                       //nolint:gochecknoglobals // a constant
	UnknownUser   = Message{slog.LevelWarn, "pull: unknown user", []string{"error"}}                          //nolint:gochecknoglobals // a constant

	Connected = Message{slog.LevelDebug, "pull: session connected", []string{"user", "transport"}}               //nolint:gochecknoglobals // a constant
	Joined    = Message{slog.LevelDebug, "pull: session joined", []string{"user", "transport", "took"}}          //nolint:gochecknoglobals // a constant
	Recovered = Message{slog.LevelDebug, "pull: session recovered", []string{"user", "transport", "took"}}       //nolint:gochecknoglobals // a constant
	Left      = Message{slog.LevelDebug, "pull: session left", []string{"user", "transport", "after", "reason"}} //nolint:gochecknoglobals // a constant
)
