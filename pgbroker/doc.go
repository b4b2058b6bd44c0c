// Package pgbroker keeps the log of [github.com/echo-pull/pull] in a PostgreSQL
// database, so that all nodes of an application share it and a crash of a node
// loses nothing that the log has accepted.
//
//	db, err := sql.Open("pgx", url) // or any other driver
//	…
//	broker, err := pgbroker.New(pgbroker.Config{DB: db, URL: url, Create: true})
//	…
//	plugin, err := pull.New(pull.Config{User: currentUser, Broker: broker})
//
// The package example is a complete application. PostgreSQL 13 and later are
// supported.
//
// # Connections
//
// The broker publishes and reads through Config.DB, and keeps none of its
// connections. At most three are in use at a time, for a few milliseconds each.
// Let the pool keep that many idle: sql.DB.SetMaxIdleConns; the default of
// database/sql is two. A pool that the application uses up delays events, so give
// the broker a pool of its own if that can happen.
//
// For notifications, each node needs one more connection, to Config.URL. Without
// it, nodes read the log ten times a second. With it, they read it once a second
// and whenever another node has published.
//
// Config.DB may go through a pooler such as PgBouncer in transaction mode; with
// pgx, use default_query_exec_mode=simple_protocol or exec. Config.URL must lead
// past the pooler: in transaction mode, LISTEN has no effect there and no error
// says so. The broker notices that, logs it once, and polls.
//
// If several servers can be the primary, name all of them:
// "postgres://user@a,b/db?target_session_attrs=read-write".
//
// # What it guarantees
//
// Publish returns nil when the server has written the messages to its disk, even
// if the application's setting of synchronous_commit is off. Where the setting
// asks for more, such as remote_apply, that stays. Transactions that commit late
// do not reorder the log or hide a message from a reader. A transaction of the
// application that stays open delays no message.
//
// The epoch stays the same when the server is restarted or crashes, because
// nothing is lost then. It changes when the log may have lost messages:
//
//   - when a standby is promoted, or a backup is restored to a point in time. This
//     includes planned switchovers: the server's timeline does not show whether
//     something was lost.
//   - when the data moves to another cluster, by pg_dump or pg_upgrade.
//   - when the tables were emptied or dropped.
//   - when messages that a node has published or read are no longer in the log,
//     for example after the restoration of a snapshot of the disk. If no node
//     that knows the lost messages is still running, nobody can notice this.
//
// Then the pages are notified of a gap. A server that is dead or does not answer
// is noticed within five seconds: Publish and Subscribe return errors, which the
// plugin reports once. When the server is back, the nodes go on by themselves.
//
// Windows and ages are measured by the server's clock alone, so the clocks of nodes
// do not matter. Settings of the role do not matter either, such as
// default_transaction_isolation or bytea_output. Its statement_timeout must leave
// time for a batch of 4 MiB.
//
// If the server has no room on its disk, Publish returns errors until it has.
//
// The broker reads only from the primary. On a standby, Subscribe returns an
// error. A node that still reaches an old primary, which goes on beside the new
// one, keeps reading it; fence the old primary, as failover managers do.
//
// # Events that leave with a transaction
//
// The broker is also a pull.TxOutbox: SendTx inserts an event into the table
// pull_outbox, as a part of the application's transaction. It takes no lock that
// others wait for, and sends no notification, which would make all commits of the
// server wait for one another. Once the transaction is committed, a node moves the
// event into the log, in one statement, so that it is there exactly once. Events
// leave in the order in which they were inserted; those of a transaction that
// commits late leave when it has. A row that another transaction has locked waits,
// and keeps no other waiting.
//
// If the plugin's log is elsewhere, set Config.TxOutbox of the plugin to the broker.
// Its table pull_log then stays empty.
//
// # Tables
//
// [Schema] returns the SQL. Privileges are needed to select, insert, update and
// delete. Nodes take turns in deleting messages that are older than
// Config.KeepAge, in steps of 2,000. The last message always stays. Do not call
// the functions in transactions of your own: pull_publish holds the lock of the
// log until the transaction ends.
package pgbroker
