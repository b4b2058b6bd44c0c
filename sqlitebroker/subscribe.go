package sqlitebroker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Subscribe calls deliver for every message of the last window and then for
// every new one, until ctx is done. It returns an error if the file cannot be
// read for Config.Busy, or if the log has a new epoch; then subscribe again.
func (b *Broker) Subscribe(ctx context.Context, window time.Duration, deliver func(epoch string, offset uint64, message []byte)) error {
	news := make(chan struct{}, 1)
	b.join(news)
	defer b.leave(news) //nolint:contextcheck // ctx has ended then
	err := b.follow(ctx, window, news, deliver)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("sqlitebroker: subscribe: %w", err)
}

func (b *Broker) join(news chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.followers[news] = struct{}{}
}

// leave removes a follower. After the last one, what was published goes to the
// disk: an application that shuts down may be followed by the machine.
func (b *Broker) leave(news chan struct{}) {
	b.mu.Lock()
	delete(b.followers, news)
	last := len(b.followers) == 0
	if last {
		b.recent = recent{}
	}
	settle := last && b.unsettled
	if settle {
		b.unsettled = false // until the next commit
	}
	b.mu.Unlock()

	if settle {
		b.settleSoon()
	}
}

// settleSoon is settle, but does not wait for long. If it does not succeed, the
// next power failure is a gap.
func (b *Broker) settleSoon() {
	const patience = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		if b.inPlace() != nil || b.settle(ctx) != nil {
			b.setUnsettled()
		}
	}()
	select {
	case <-settled:
	case <-ctx.Done():
	}
}

// setUnsettled notes that there will be messages that are not on the disk.
func (b *Broker) setUnsettled() {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.unsettled = true
}

func (b *Broker) follow(ctx context.Context, window time.Duration, news <-chan struct{}, deliver func(string, uint64, []byte)) error {
	if b.isUnsure() {
		if err := b.verifyAgain(ctx); err != nil {
			return err
		}
	}
	p, err := b.begin(ctx, window)
	if err != nil {
		return err
	}
	f := follower{b, p, poll{path: b.path + "-wal", every: b.config.Poll}}
	for other := true; ctx.Err() == nil; {
		batch, err := f.next(ctx, other)
		if err != nil {
			return err
		}
		f.hand(ctx, batch, deliver)
		if other = false; len(batch) == 0 {
			other = f.poll.wait(ctx, news)
		}
	}
	return nil
}

// A follower is a subscription and how far it has come.
type follower struct {
	broker   *Broker
	position position
	poll     poll
}

// next returns the messages that follow: from memory, or from the file if they
// are not there or if other processes may have published.
func (f *follower) next(ctx context.Context, other bool) ([]row, error) { //nolint:revive // other is what poll.wait has found
	b := f.broker
	b.mu.Lock()
	batch, known := b.recent.after(f.position)
	b.mu.Unlock()
	if known && !other {
		return batch, nil
	}
	f.poll.begin()
	if err := b.inPlace(); err != nil {
		return nil, err
	}
	return b.read(ctx, f.position)
}

func (f *follower) hand(ctx context.Context, batch []row, deliver func(string, uint64, []byte)) {
	for _, m := range batch {
		if ctx.Err() != nil {
			return
		}
		deliver(f.position.epoch, uint64(m.offset), m.message) //nolint:gosec // above zero
		f.position.offset, f.position.at = m.offset, m.at
	}
}

// begin returns the position before the first message of the window.
func (b *Broker) begin(ctx context.Context, window time.Duration) (position, error) {
	ctx, cancel := context.WithTimeout(ctx, b.config.Busy)
	defer cancel()
	var s state
	var first sql.NullInt64
	oldest := b.clock().Add(-window).UnixNano()
	query := func() error {
		return b.retry(ctx, func() error {
			return b.queries.start.QueryRowContext(ctx, oldest).Scan(&s.epoch, &s.next, &s.at, &first)
		})
	}
	err := query()
	if errors.Is(err, sql.ErrNoRows) {
		if err = b.verify(ctx, position{}); err == nil {
			err = query()
		}
	}
	if err != nil {
		b.doubt()
		return position{}, fmt.Errorf("find the window: %w", err)
	}
	if first.Valid {
		return position{s.epoch, first.Int64 - 1, 0}, nil
	}
	return s.last(), nil
}

// read returns messages after a position, at most 512 and about 4 MiB.
func (b *Broker) read(ctx context.Context, p position) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, b.config.Busy)
	defer cancel()
	var batch []row
	err := b.retry(ctx, func() (err error) {
		batch, err = b.rowsAfter(ctx, p)
		return err
	})
	switch {
	case errors.Is(err, errUnsure):
		if wrong := b.verify(ctx, p); wrong != nil {
			return nil, wrong
		}
		return nil, err
	case err != nil:
		b.doubt()
		return nil, fmt.Errorf("read: %w", err)
	}
	return batch, nil
}

// rowsAfter returns messages after a position, or errUnsure if the log is not
// the one that the position belongs to. A single query reads all, so that it
// cannot be replaced in between.
func (b *Broker) rowsAfter(ctx context.Context, p position) (batch []row, err error) {
	const limit = 512
	rows, err := b.queries.read.QueryContext(ctx, p.offset, limit+1)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	known, size := false, 0
	for size < batchBytes && rows.Next() {
		m, err := scan(rows, p)
		if err != nil {
			return nil, err
		}
		if known = true; m.offset > p.offset {
			batch = append(batch, m)
			size += len(m.message)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if !known {
		return nil, errUnsure
	}
	return batch, nil
}

// scan returns a message, and errUnsure if it shows that the log is another one.
// The first row is the message at the position, without its content, or empty.
func scan(rows *sql.Rows, p position) (m row, err error) {
	var s state
	var offset, at sql.NullInt64
	if err := rows.Scan(&s.epoch, &s.next, &offset, &at, &m.message); err != nil {
		return m, err
	}
	m.offset, m.at = offset.Int64, at.Int64
	rewritten := m.offset == p.offset && p.at != 0 && at.Valid && m.at != p.at
	if s.epoch != p.epoch || s.next <= p.offset || rewritten {
		return m, errUnsure
	}
	return m, nil
}
