package sqlitebroker

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

var (
	errUnmarked = errors.New("a power failure could lose messages unnoticed")
	errUnsure   = errors.New("the log is not the one that it was")
)

// commit appends what calls want to publish.
func (b *Broker) commit(ctx context.Context, l *lease, batch []*request) error {
	if b.isUnsure() {
		l.end() // it may be the only connection
		if err := b.verifyAgain(ctx); err != nil {
			return err
		}
	}
	var last position
	var messages [][]byte
	for range 4 { // each cause is removed at once, unless another process is in the way
		err := l.write(ctx, func(tx *sql.Tx) (err error) {
			if messages, err = b.wanted(ctx, tx, batch); err == nil {
				last, err = b.append(ctx, tx, messages)
			}
			return err
		})
		switch {
		case err == nil:
			return b.committed(last, messages)
		case errors.Is(err, errUnmarked):
			err = b.mark(ctx)
		case errors.Is(err, errUnsure):
			err = b.verify(ctx, position{})
		case !isBusy(err):
			b.doubt()
		}
		if err != nil {
			return err
		}
	}
	return errUnsure
}

// append inserts messages and returns the position of the last one.
func (b *Broker) append(ctx context.Context, tx *sql.Tx, messages [][]byte) (last position, err error) {
	if len(messages) == 0 {
		return last, nil
	}
	began := time.Now()
	if began.Sub(b.looked) > time.Second/10 {
		if err := b.inPlace(); err != nil {
			return last, err
		}
		b.looked = began
	}
	now := b.clock().UnixNano()
	var s state
	row := tx.StmtContext(ctx, b.queries.take).QueryRowContext(ctx, len(messages), now)
	err = row.Scan(&s.format, &s.epoch, &s.next, &s.at, &s.boot)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return last, errUnsure
	case err != nil:
		return last, fmt.Errorf("number the messages: %w", err)
	}
	if err := b.admit(&s, int64(len(messages))); err != nil {
		return last, err
	}
	if err := b.insert(ctx, tx, s.next, now, messages); err != nil {
		return last, fmt.Errorf("insert: %w", err)
	}
	return position{s.epoch, s.next + int64(len(messages)) - 1, now}, nil
}

// wanted returns the messages of the calls that have not ended yet, and notes
// which ones these are. It takes those of Relay out of the outbox.
func (b *Broker) wanted(ctx context.Context, tx *sql.Tx, batch []*request) (all [][]byte, err error) {
	for _, r := range batch {
		if r.gone = r.ctx.Err(); r.gone != nil {
			continue
		}
		messages := r.messages
		if r.rows != nil {
			if messages, err = b.takeOut(ctx, tx, r.rows); err != nil {
				return nil, err
			}
		}
		if all == nil {
			all = messages[:len(messages):len(messages)]
		} else {
			all = append(all, messages...)
		}
	}
	return all, nil
}

// admit tells whether count messages may be appended to the log in this state.
func (b *Broker) admit(s *state, count int64) error {
	witness, err := b.witness.read()
	ahead := witness.offset >= s.next
	other := witness.offset == s.next-1 && witness.at != s.at
	switch {
	case s.format != format, s.next < 1, s.next+count > maxOffset:
		return errUnsure
	case err != nil, witness.epoch != s.epoch, ahead, other:
		return errUnsure
	case s.boot != "" && s.boot != b.boot:
		return errUnsure
	case s.boot == "" && !b.config.Full:
		return errUnmarked
	}
	return nil
}

// insert inserts messages from an offset on.
func (b *Broker) insert(ctx context.Context, tx *sql.Tx, offset, now int64, messages [][]byte) error {
	var args [3 * many]any
	for len(messages) > 0 {
		n, statement := 1, b.queries.insert
		if len(messages) >= many {
			n, statement = many, b.queries.insertMany
		}
		for i, m := range messages[:n] {
			if m == nil {
				m = []byte{} // nil is NULL
			}
			args[3*i], args[3*i+1], args[3*i+2] = offset+int64(i), now, m
		}
		if _, err := tx.StmtContext(ctx, statement).ExecContext(ctx, args[:3*n]...); err != nil {
			return err
		}
		messages, offset = messages[n:], offset+int64(n)
	}
	return nil
}

// committed tells everyone what is new.
func (b *Broker) committed(last position, messages [][]byte) error {
	if len(messages) == 0 {
		return nil
	}
	err := b.witness.write(last)

	b.mu.Lock()
	defer b.mu.Unlock()

	b.published += len(messages)
	b.unsettled = !b.config.Full
	if b.published >= batchMessages || time.Since(b.trimmed) > time.Second {
		b.trimming = true
	}
	if len(b.followers) > 0 {
		b.recent.add(last, messages)
	}
	for news := range b.followers {
		select {
		case news <- struct{}{}:
		default:
		}
	}
	if err != nil {
		return fmt.Errorf("write the witness: %w", err)
	}
	return nil
}

func (b *Broker) isUnsure() bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.unsure
}

// doubt has the log verified before it is used again.
func (b *Broker) doubt() {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.unsure = true
}

// verifyAgain verifies a log that was in doubt, and creates its tables again if
// they are gone.
func (b *Broker) verifyAgain(ctx context.Context) error {
	if err := b.retry(ctx, func() error { return b.setUp(ctx) }); err != nil {
		return err
	}
	if err := b.verify(ctx, position{}); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()

	b.unsure = false
	return nil
}
