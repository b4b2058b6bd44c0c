package pgbroker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The bounds of a group, unless one call has more, and of a statement.
const (
	groupMessages  = 1024
	groupBytes     = 4 << 20
	statementBytes = 64 << 20
)

// Publish implements pull.Broker. Calls that wait at the same time share a
// transaction. If the server does not answer within four seconds and a second
// for each MiB, Publish returns an error.
func (b *Broker) Publish(ctx context.Context, messages ...[]byte) error {
	for part := range parts(messages) {
		if err := ctx.Err(); err != nil {
			return err
		}
		g := b.publisher.add(part, b.run)
		select {
		case <-g.done:
			if g.err != nil {
				return fmt.Errorf("pgbroker: publish: %w", g.err)
			}
		case <-ctx.Done():
			b.publisher.abandon(g)
			return ctx.Err()
		}
	}
	return nil
}

// parts cuts messages into what one statement can carry.
func parts(messages [][]byte) func(yield func([][]byte) bool) {
	return func(yield func([][]byte) bool) {
		for len(messages) > 0 {
			n, size := 1, len(messages[0])
			for n < len(messages) && size+len(messages[n]) <= statementBytes {
				size += len(messages[n])
				n++
			}
			if !yield(messages[:n]) {
				return
			}
			messages = messages[n:]
		}
	}
}

// A group is the calls of Publish that share a transaction.
type group struct {
	messages [][]byte
	size     int
	waiting  int                // calls; guarded by the publisher's mu
	cancel   context.CancelFunc // the statement, when nobody waits any more; guarded as well
	done     chan struct{}      // closed when err is final
	err      error
}

// A publisher sends groups, one after another: the server takes one at a time
// anyway. Its goroutine ends when there is nothing to send.
type publisher struct {
	mu      sync.Mutex // guards what follows
	queue   []*group
	running bool
}

// add puts the messages of a call into a group that is not on its way yet.
func (p *publisher) add(messages [][]byte, run func()) *group {
	size := 0
	for _, m := range messages {
		size += len(m)
	}
	p.mu.Lock()
	defer p.mu.Unlock()

	var g *group
	if n := len(p.queue); n > 0 {
		g = p.queue[n-1]
	}
	if g == nil || len(g.messages)+len(messages) > groupMessages || g.size+size > groupBytes {
		g = &group{done: make(chan struct{}), cancel: func() {}}
		p.queue = append(p.queue, g)
	}
	g.messages = append(g.messages, messages...)
	g.size += size
	g.waiting++
	if !p.running {
		p.running = true
		go run()
	}
	return g
}

// abandon leaves a group. When nobody waits for it any more, it need not be sent.
func (p *publisher) abandon(g *group) {
	p.mu.Lock()
	defer p.mu.Unlock()

	g.waiting--
	if g.waiting == 0 {
		g.cancel()
		p.queue = slices.DeleteFunc(p.queue, func(other *group) bool { return other == g })
	}
}

// next returns the group to send, or nil at the end of the goroutine.
func (p *publisher) next() (*group, context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if len(p.queue) == 0 {
		p.running = false
		return nil, nil
	}
	g := p.queue[0]
	p.queue = p.queue[1:]
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	return g, ctx
}

// run sends groups until there is none.
func (b *Broker) run() {
	for {
		g, ctx := b.publisher.next()
		if g == nil {
			return
		}
		limit := patience + 500*time.Millisecond + forBytes(int64(g.size))
		at, err := within(ctx, limit, func(ctx context.Context, _ func(time.Duration)) (position, error) {
			return b.insert(ctx, g.messages, g.size)
		})
		g.err = b.explain(err)
		if err == nil {
			b.knows(at)
		}
		close(g.done)
		switch {
		case err == nil:
			b.wake()
			b.announce()
		case ctx.Err() == nil && isOutOfReach(err):
			b.publisher.failAll(g.err)
		default:
			b.restore(err)
		}
		g.cancel()
	}
}

// failAll ends the groups that wait behind one that has failed. While the server
// does not answer, each of them would wait in vain, one after another.
func (p *publisher) failAll(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	for _, g := range p.queue {
		g.err = err
		close(g.done)
	}
	p.queue = nil
}

// restore creates the tables again if they have gone, for the next call.
func (b *Broker) restore(err error) {
	const undefinedTable, undefinedFunction = "42P01", "42883"
	if state := stateOf(err); b.config.Create && (state == undefinedTable || state == undefinedFunction) {
		_, _ = within(context.Background(), patience, func(ctx context.Context, _ func(time.Duration)) (struct{}, error) {
			return struct{}{}, b.prepare(ctx)
		}) // if it fails, so does the next call
	}
}

// insert appends messages to the log and returns where the last of them is. It
// is one statement, so a node that freezes leaves no transaction open.
func (b *Broker) insert(ctx context.Context, messages [][]byte, size int) (position, error) {
	batch := make([]byte, 0, size)
	starts, sizes := []byte{'{'}, []byte{'{'}
	for i, m := range messages {
		if i > 0 {
			starts, sizes = append(starts, ','), append(sizes, ',')
		}
		starts = strconv.AppendInt(starts, int64(len(batch)+1), 10)
		sizes = strconv.AppendInt(sizes, int64(len(m)), 10)
		batch = append(batch, m...)
	}
	known := b.newest()
	args := []any{batch, string(append(starts, '}')), string(append(sizes, '}')), known.epoch, known.offset, known.mark}
	return b.append(ctx, b.sql.publish, args...)
}

// append runs a statement that appends to the log and returns where the last
// message is. The position is empty if there was none.
func (b *Broker) append(ctx context.Context, statement string, args ...any) (position, error) {
	if b.isolation {
		return b.appendIsolated(ctx, statement, args)
	}
	return scanPosition(b.db.QueryRowContext(ctx, statement, args...))
}

func scanPosition(row *sql.Row) (at position, err error) {
	var epoch sql.NullString
	var offset, mark sql.NullInt64
	err = row.Scan(&epoch, &offset, &mark)
	return position{epoch.String, offset.Int64, mark.Int64}, err
}

// appendIsolated is append where transactions have another level by default.
// While the log is locked, the server waits for this node, so it waits for a
// short time only.
func (b *Broker) appendIsolated(ctx context.Context, statement string, args []any) (at position, err error) {
	tx, err := b.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return at, err
	}
	defer func() { _ = tx.Rollback() }()

	if _, err := tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = '3s'`); err != nil {
		return at, err
	}
	if at, err = scanPosition(tx.QueryRowContext(ctx, statement, args...)); err != nil {
		return at, err
	}
	return at, tx.Commit()
}

// explain adds to an error what the caller can do about it.
func (b *Broker) explain(err error) error {
	if s := b.db.Stats(); errors.Is(err, errNoAnswer) && s.MaxOpenConnections > 0 && s.InUse >= s.MaxOpenConnections {
		return fmt.Errorf("%w, or the pool is too small: all of its %d connections are in use", err, s.InUse)
	}
	return err
}
