// Package redisbroker keeps the log of [github.com/echo-pull/pull] in a stream of
// a Redis or Valkey server.
package redisbroker
