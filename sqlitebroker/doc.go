// Package sqlitebroker is a log for pull in a SQLite file: a single node, whose
// pages recover even if the process was killed. It needs database/sql and any
// driver of SQLite 3.37 or later. It is tested with modernc.org/sqlite.
//
//	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=busy_timeout(5000)")
//	if err != nil {
//		return err
//	}
//	defer db.Close()
//	log, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true})
//	if err != nil {
//		return err
//	}
//	p, err := pull.New(pull.Config{Broker: log, User: currentUser})
//	if err != nil {
//		return err
//	}
//	defer p.Shutdown(context.Background())
//
// # The file
//
// The log is two tables, which may be in the file of the application. The file
// must be on a local disk and in WAL mode. Config.Create sets both up; without it
// New returns an error with the SQL, which [Schema] returns for migrations. New
// refuses tables that others have made or changed, and names the difference.
//
// Beside the file app.db, the broker writes the file app.db-pull_witness, which
// has the position of the last message. With it, the broker notices that the
// database was replaced with an older copy. When you move the database, move both,
// and both of SQLite's own, app.db-wal and app.db-shm. Do not put the witness
// into backups.
//
// The application's transactions and the broker's take turns. A transaction of
// the application that writes for a long time keeps messages waiting: after
// Config.Busy, Publish returns an error, and the plugin publishes the same
// messages again. Subscribers read on meanwhile, and never have a transaction
// open while they deliver. Give the connections a busy_timeout, because the
// application waits for the broker as well, a few milliseconds at a time, and
// begin transactions that write with BEGIN IMMEDIATE (_txlock=immediate): one that
// reads first and writes later would fail at once if the broker has written in
// between.
//
// # What is lost, and when pages are told
//
// An epoch is the name of a log. Pages of another epoch are told of a gap.
//
//   - The process ends or is killed, also by kill -9: nothing is lost, and the
//     epoch stays. If Publish had not returned yet, its messages may be in the log.
//   - The computer loses its power, or the operating system crashes: with
//     Config.Full nothing is lost, if the disk keeps what it has confirmed. Without
//     it the last messages may be lost, so the epoch changes, unless everything had
//     been written to the disk. The end of the last subscription does that, so an
//     orderly shutdown keeps the epoch. The broker recognizes a new start of the
//     operating system on Linux and macOS; elsewhere every end of a process without
//     an orderly shutdown counts as a power failure.
//   - The tables are emptied, dropped, or set back, or the database is replaced with
//     an older copy, with one that went on elsewhere, or with a copy that came
//     without the witness: the epoch changes. If that happens while the process
//     runs and by way of SQLite (.restore, SQL), subscribers notice within half a
//     second. If the file itself is replaced below a running process, Publish and
//     Subscribe return errors until the application starts again, because its old
//     connections still use the old file.
//   - The database and the witness are put back together, as by a snapshot of the
//     virtual machine or of the disk: this is noticed only if the operating system
//     has started again and the log was not settled then. Otherwise it cannot be
//     noticed. Delete the witness after such a restore, and the epoch changes.
//   - Rows of the log are changed by hand: not noticed. Deleted ones are a hole,
//     which pages are told of.
//
// # Events that leave with a transaction
//
// The broker is also a pull.TxOutbox: SendTx inserts an event into the table
// pull_outbox, as a part of the application's transaction. Once it is committed,
// the plugin moves the event into the log, in one transaction, so that it is there
// exactly once. If the computer loses its power, an event survives if the
// application's transaction does; that depends on the setting of synchronous of the
// application's connection.
//
// If the plugin's log is elsewhere, set Config.TxOutbox of the plugin to the broker.
// Its table pull_log then stays empty.
//
// # Several processes
//
// Several processes on one computer may use the file, such as the old and the new
// one during a deploy, or a worker that only publishes. A message of the own
// process reaches subscribers at once, one of another process after Config.Poll.
package sqlitebroker
