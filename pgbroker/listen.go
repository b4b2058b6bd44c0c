package pgbroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// How long a listener waits before it connects again.
const (
	shortestWait = 50 * time.Millisecond
	longestWait  = 2 * time.Second
)

// How long a listener believes that silence means that there is nothing, and how
// long it then waits for what it has sent itself.
const (
	silence   = 5 * time.Second
	echoDelay = 2 * time.Second
)

var (
	errPooled = errors.New("the connection goes through a pooler, where LISTEN does not work; Config.URL must lead to the server")
	errDeaf   = errors.New("notifications do not arrive; Config.URL must lead to the server that Config.DB uses")
)

// keepListening wakes the subscription when another node has published. Without
// that it polls, more often. An outage of notifications is logged once.
func (s *subscription) keepListening(ctx context.Context) {
	told := ""
	for wait := shortestWait; ; wait = min(2*wait, longestWait) {
		err := s.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		heard := s.hears.Swap(false)
		signal(s.woken)
		if heard {
			wait, told = shortestWait, ""
		}
		if told == "" {
			told = err.Error()
			s.config.Logger.Warn("pgbroker: without notifications, this node polls the log", "error", err)
		}
		if errors.Is(err, errPooled) || errors.Is(err, errDeaf) {
			wait = time.Minute
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// listenOnce listens on a connection of its own until that ends.
func (s *subscription) listenOnce(ctx context.Context) error {
	connect, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.ConnectConfig(connect, s.listen)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // it is over in any case
	}()

	probe := s.sql.channel + "_" + newID()
	if err := s.open(connect, conn, probe); err != nil {
		return err
	}
	return s.hear(ctx, conn, probe)
}

// open begins to listen. A pooler would take LISTEN, and then keep every
// notification to itself, or hand it to another client. It gives itself away: it
// has a process id of its own. A listener idles, for longer than its role may.
func (s *subscription) open(ctx context.Context, conn *pgx.Conn, probe string) error {
	var pid uint32
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return err
	}
	if pid != conn.PgConn().PID() {
		return errPooled
	}
	const stay = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'" // new in 14
	_, err := conn.Exec(ctx, fmt.Sprintf("%s; LISTEN %q; LISTEN %q", stay, s.sql.channel, probe))
	return err
}

// hear takes notifications until there are none to come. Where it is quiet for a
// while, it sends itself one, through the database that the nodes publish
// through.
func (s *subscription) hear(ctx context.Context, conn *pgx.Conn, probe string) error {
	for {
		if err := s.notify(ctx, probe, ""); err != nil {
			return err
		}
		n, err := await(ctx, conn, echoDelay)
		if err == nil && n == nil {
			return errDeaf
		}
		for ; n != nil; n, err = await(ctx, conn, silence) {
			s.heard(n, probe)
		}
		if err != nil {
			return err
		}
	}
}

// heard wakes the subscription if another node has published, and at first, for
// what came before.
func (s *subscription) heard(n *pgconn.Notification, probe string) {
	if first := s.hears.CompareAndSwap(false, true); first || n.Payload != s.id && n.Channel != probe {
		signal(s.woken)
	}
}

// await returns the next notification, or nil if there is none for a while.
func await(ctx context.Context, conn *pgx.Conn, limit time.Duration) (*pgconn.Notification, error) {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	n, err := conn.WaitForNotification(waiting)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil && !conn.IsClosed() {
		return nil, nil
	}
	return n, err // n is nil if err is not
}
