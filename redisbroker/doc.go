// Package redisbroker keeps the log of [github.com/echo-pull/pull] in a stream of
// a Redis or Valkey server, so that all nodes of an application share it and a
// crash of a node loses nothing that the log has accepted.
//
//	broker, err := redisbroker.New(redisbroker.Config{URL: "redis://localhost:6379/0"})
//	…
//	defer broker.Close()
//	plugin, err := pull.New(pull.Config{User: currentUser, Broker: broker})
//
// The package example is a complete application. Redis 6.2 and later, and Valkey,
// are supported; the tests run against Redis 7.0. Config.Client takes a client of
// go-redis v9 instead of the URL, for Sentinel, a cluster, or TLS of your own.
//
// # The server
//
// The log is as durable as the server. Recommended settings:
//
//	appendonly yes
//	appendfsync everysec
//	maxmemory-policy noeviction
//
// New logs a warning for settings that can lose messages, if the server lets it
// read them. The log is two keys, {pull}:log, a stream, and {pull}:meta, a hash.
// They need no preparation, and are in one slot of a cluster. A user of the server
// with few rights needs both keys, and these commands: EVAL, EVALSHA, INFO, TIME,
// TYPE, PTTL, EXISTS, UNLINK, HGET, HMGET, HGETALL, HSET, HDEL, XADD, XREAD, XRANGE,
// XREVRANGE, XTRIM.
//
// Each subscription waits for messages on a connection of the client's pool. A
// script appends a batch in one round trip and in one step of the server, at most
// 1 MiB or one message at a time. Calls of Publish that wait at the same time share
// a script. Once a second, each node looks whether the log is what it was, and
// removes what is older than Config.KeepAge or more than Config.KeepCount. The
// last message always stays.
//
// # What is lost, and when pages are told
//
// The name of a log is its epoch. Pages of another epoch are notified of a gap. A
// restart of the server keeps the epoch if every node that has used the log
// confirms that the log still has what the node knows to be in it. Nodes that end
// in order, by [Broker.Close] or the end of their last subscription, need not
// confirm. A node that is silent for ten seconds after the restart makes it a gap:
// it may have died together with the end of the log. A node that had been silent
// for ten seconds before, while the server ran, is no longer waited for, because
// what it knew is on the server's disk.
//
//	fault                                         what happens
//	restart of the server, in order               kept
//	the server's process is killed                kept; a gap if its disk was too slow for the last writes
//	the machine loses power, one second is lost   a gap
//	… and nothing was published in that second    kept; a gap if a node has died, too
//	restart without append-only file              a gap
//	promoted replica, by hand or by Sentinel      a gap, whether it lagged or not
//	FLUSHALL, DEL of a key, eviction, XDEL at     a gap
//	the end of the stream
//	the keys or files are set back to a copy      a gap, if a node that knows a lost message is running,
//	                                              or has died without Close; else not noticed
//	a server that was stopped as a replica is     the same
//	started as a primary
//	power fails within two seconds of the start   not noticed: the node is not yet on the disk
//	of the only node, which dies, too
//	connections are cut, SCRIPT FLUSH, a busy     kept
//	second of the server
//	the server is dead, frozen, or a replica      noticed within five seconds: Subscribe and Publish return
//	                                              errors, and go on when it is back
//	full memory (noeviction), no disk to write    Publish returns an error; subscriptions go on
//	to, too few replicas
//	an old primary goes on beside the new one     its nodes follow another log: fence it
//	a clock that is set back                      kept; messages stay longer
//	a clock that is set forward                   kept; windows are shorter until messages are younger again
//
// With appendfsync no, the operating system decides how much a power failure
// loses. Nodes that have been dead for longer than ten seconds are then not waited
// for although what they knew may be lost.
//
// With Sentinel, a cluster, or a managed service, a failover is a gap even if it was
// planned: replication is asynchronous, and the new primary does not know what it
// misses.
package redisbroker
