package pgbroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
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
		heard, err := s.listenOnce(ctx)
		s.hears.Store(false)
		signal(s.woken)
		if ctx.Err() != nil {
			return
		}
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

// listenOnce listens on a connection of its own until that ends, and reports
// whether notifications arrived.
func (s *subscription) listenOnce(ctx context.Context) (heard bool, err error) {
	connect, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.ConnectConfig(connect, s.listen)
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // it is over in any case
	}()

	probe := s.sql.channel + "_" + newID()
	if err := s.open(connect, conn, probe); err != nil {
		return false, err
	}
	return s.hear(ctx, conn, probe)
}

// open begins to listen. A pooler would take LISTEN, and then keep every
// notification to itself, or hand it to another client. It gives itself away: it
// has a process id of its own.
func (s *subscription) open(ctx context.Context, conn *pgx.Conn, probe string) error {
	var pid uint32
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return err
	}
	if pid != conn.PgConn().PID() {
		return errPooled
	}
	_, err := conn.Exec(ctx, fmt.Sprintf("LISTEN %q; LISTEN %q", s.sql.channel, probe))
	return err
}

// hear wakes the subscription for each notification of another node. Where
// nothing comes for a while, it sends itself one, through the database that the
// nodes publish through.
func (s *subscription) hear(ctx context.Context, conn *pgx.Conn, probe string) (heard bool, err error) {
	for asked := true; ; {
		limit := silence
		if asked {
			if err := s.notify(ctx, probe, ""); err != nil {
				return heard, err
			}
			limit = echoDelay
		}
		waiting, cancel := context.WithTimeout(ctx, limit)
		n, err := conn.WaitForNotification(waiting)
		late := waiting.Err() != nil
		cancel()
		switch {
		case err == nil:
			asked = false
			if !heard || n.Payload != s.id && n.Channel != probe {
				heard = true
				s.hears.Store(true)
				signal(s.woken)
			}
		case ctx.Err() != nil:
			return heard, ctx.Err()
		case !late:
			return heard, err
		case asked:
			return heard, errDeaf
		default:
			asked = true
		}
	}
}
