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
	defer b.leave(news)
	err := b.follow(ctx, window, news, deliver)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it is the context's
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
	poll := poll{path: b.path + "-wal", every: b.config.Poll}
	for ask := true; ctx.Err() == nil; {
		batch, err := b.after(ctx, p, &poll, ask)
		if err != nil {
			return err
		}
		for _, m := range batch {
			if ctx.Err() != nil {
				return nil
			}
			deliver(p.epoch, uint64(m.offset), m.message) //nolint:gosec // above zero
			p.offset, p.at = m.offset, m.at
		}
		if ask = false; len(batch) == 0 {
			ask = poll.wait(ctx, news)
		}
	}
	return nil
}

// after returns messages after a position: from memory, or from the file if they
// are not there or ask tells so.
func (b *Broker) after(ctx context.Context, p position, poll *poll, ask bool) ([]row, error) {
	b.mu.Lock()
	batch, known := b.recent.after(p)
	b.mu.Unlock()
	if known && !ask {
		return batch, nil
	}
	poll.begin()
	if err := b.inPlace(); err != nil {
		return nil, err
	}
	return b.read(ctx, p)
}

// begin returns the position before the first message of the window.
func (b *Broker) begin(ctx context.Context, window time.Duration) (position, error) {
	ctx, cancel := context.WithTimeout(ctx, b.config.Busy)
	defer cancel()
	var s state
	var first sql.NullInt64
	oldest := time.Now().Add(-window).UnixNano()
	query := func() error {
		return b.queries.start.QueryRowContext(ctx, oldest).Scan(&s.epoch, &s.next, &s.at, &first)
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
	batch, err := b.rowsAfter(ctx, p)
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
	defer rows.Close()
	known, size := false, 0
	for size < batchBytes && rows.Next() {
		var s state
		var offset, at sql.NullInt64
		var message []byte
		if err := rows.Scan(&s.epoch, &s.next, &offset, &at, &message); err != nil {
			return nil, err
		}
		known = true
		rewritten := offset.Int64 == p.offset && p.at != 0 && at.Valid && at.Int64 != p.at
		if s.epoch != p.epoch || s.next <= p.offset || rewritten {
			return nil, errUnsure
		}
		if offset.Int64 > p.offset {
			batch = append(batch, row{offset.Int64, at.Int64, message})
			size += len(message)
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
