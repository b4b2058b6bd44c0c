// Package natsbroker keeps the log of [github.com/echo-pull/pull] in a NATS
// JetStream stream, so that all nodes of an application share it. NATS runs as
// servers of their own, or inside the processes of the application.
//
//	broker, err := natsbroker.New(natsbroker.Config{URL: "nats://a,nats://b", Create: true, Replicas: 3})
//	…
//	plugin, err := pull.New(pull.Config{User: currentUser, Broker: broker})
//
// The package example is a complete application. NATS server 2.10 and later are
// supported.
//
// # Without a server
//
// [Embedded] starts a NATS server inside the process. For one node:
//
//	server, err := natsbroker.Embedded(natsbroker.EmbeddedConfig{StoreDir: "data/nats"})
//	…
//	defer server.Close()
//	broker, err := natsbroker.New(natsbroker.Config{Conn: server.Conn(), Create: true})
//
// Three nodes of the application can form a cluster, each with a server:
//
//	server, err := natsbroker.Embedded(natsbroker.EmbeddedConfig{
//		StoreDir: "data/nats",
//		Listen:   "10.0.0.1:6222", // of this node
//		Peers:    []string{"10.0.0.1:6222", "10.0.0.2:6222", "10.0.0.3:6222"},
//		Secret:   os.Getenv("CLUSTER_SECRET"),
//	})
//	…
//	broker, err := natsbroker.New(natsbroker.Config{Conn: server.Conn(), Create: true, Replicas: server.Nodes()})
//
// Two of the three must be running, or nobody can publish. Restart one at a time:
// wait until New has returned on a node before you restart the next. When the
// first node starts, New waits fifteen seconds for another one, then returns an
// error; try again. The nodes are fixed, each with its address and its directory:
// for replicas that come and go with the load, use servers of their own. The nodes
// should be near one another, within a few milliseconds.
//
// StoreDir belongs to one process at a time: stop the old one before you start the
// new one. A program that does not call Embedded does not contain the server.
//
// # What it guarantees
//
// Each message of the stream holds a batch of messages of the log, with the offset
// of the first one. It is published with the header Nats-Expected-Last-Sequence,
// so that nodes agree on offsets, and a message that is late cannot get into the
// log behind one that overtook it.
//
// Publish returns nil when the server has stored the messages; in a cluster, when
// most servers have. By default, NATS flushes to the disk only every two minutes:
// a killed process loses nothing, but a machine that crashes does, if the stream
// has no replica on another one. The setting sync_interval of the server, or
// EmbeddedConfig.SyncAlways, changes that.
//
// The epoch stays the same when a server is restarted or killed, or another one
// becomes the leader. It changes when the log may have lost messages:
//
//   - when the stream was deleted and created again.
//   - when messages that a node has published or read are no longer in the
//     stream, for example after the restoration of a backup, or the crash of a
//     machine. If no node that knows the lost messages is still running, nobody can
//     notice this.
//   - when no node has run for so long that all messages have expired.
//
// Then the pages are notified of a gap. A server that is dead or does not answer
// is noticed within five seconds, and Subscribe returns an error once. When the
// server is back, the nodes go on by themselves. When the leader of a cluster
// dies, NATS takes a few seconds to elect another; events wait.
//
// # The stream
//
// It has one subject, Config.Prefix with ".log". Nothing else may publish to it.
// Nodes that publish at the same time take turns, for which they send messages to
// Config.Prefix with ".turn". A user of NATS needs permission to publish to both
// subjects and to
//
//	$JS.API.STREAM.INFO.pull
//	$JS.API.STREAM.CREATE.pull (with Create)
//	$JS.API.STREAM.MSG.GET.pull, $JS.API.DIRECT.GET.pull.>, $JS.API.DIRECT.GET.pull
//	$JS.API.CONSUMER.CREATE.pull.>
//	$JS.API.CONSUMER.MSG.NEXT.pull.>
//
// and to subscribe to _INBOX.> and pull.turn.
//
// The server's max_payload, 1 MiB by default, bounds a message: see
// [Broker.MaxMessageBytes]. An embedded server takes 8 MiB.
package natsbroker
