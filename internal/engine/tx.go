package engine

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/event"
)

var (
	// ErrNoTx is returned by SendTx if there is no transactional outbox: neither
	// Config.Broker nor Config.TxOutbox keeps one. Package sqlitebroker and
	// package pgbroker do.
	ErrNoTx = errors.New("pull: the broker has no transactional outbox")

	errNilTx = errors.New("pull: SendTx needs a transaction, got nil")
	errNotTx = errors.New("pull: SendTx needs a transaction, got a database: the event would leave although the transaction is rolled back")
)

// SendTx writes an event into a transaction of the application, outside a
// request, such as in a queue worker. The event leaves within a second after the
// transaction has been committed, even if the process dies before; if the
// transaction is rolled back, it never leaves. SendTx returns [ErrNoTx], the same
// errors as [Plugin.Send] except for [ErrQueueFull], or the error of the
// transaction. It does not look at Event.Key.
func (e *Engine) SendTx(ctx context.Context, tx broker.Tx, t event.Target, ev event.Event) error {
	if err := e.checkTx(ctx, tx); err != nil {
		return err
	}
	raw, err := e.encode(&t, &ev, "")
	if err != nil || raw == nil {
		return err
	}
	return e.insertTx(ctx, tx, "", raw)
}

// checkTx returns an error if nothing can be written into the transaction.
func (e *Engine) checkTx(ctx context.Context, tx broker.Tx) error {
	switch {
	case e.relay.outbox == nil:
		return ErrNoTx
	case isNil(tx):
		return errNilTx
	case isDatabase(tx):
		return errNotTx
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return e.publisher.Accepts()
}

// isNil reports whether there is no transaction.
func isNil(tx broker.Tx) bool {
	sqlTx, isSQL := tx.(*sql.Tx)
	return tx == nil || isSQL && sqlTx == nil
}

// isDatabase reports whether tx is what begins transactions, such as a *sql.DB. A
// *sql.Conn is allowed: it may have begun one by a statement of its own.
func isDatabase(tx broker.Tx) bool {
	if _, conn := tx.(*sql.Conn); conn {
		return false
	}
	_, begins := tx.(interface {
		BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error)
	})
	return begins
}

// insertTx writes an envelope into the transactional outbox, as a part of tx. It
// deletes earlier ones with the same key, unless that is empty.
func (e *Engine) insertTx(ctx context.Context, tx broker.Tx, key string, raw []byte) error {
	raw, settled := e.tracedTx(ctx, raw)
	err := e.relay.outbox.InsertTx(ctx, tx, key, raw)
	settled(err)
	if err != nil {
		return fmt.Errorf("pull: write the event into the transaction: %w", err)
	}
	return nil
}

// SendTx writes an event into a transaction of the application. The transaction
// decides: if it is committed, the event leaves, even if the handler then fails
// or the process dies. If it is rolled back, or never ends, the event never
// leaves. The event is usually on its way when the response is, as with Send; if
// the transaction ends after the request, it leaves within a second. Discard does
// not affect it.
//
// Events of one transaction keep their order. Those of different transactions leave
// in the order of SendTx, except that a transaction that commits late leaves late.
// If the events of a row must have the order of its changes, change the row before
// you call SendTx: then others wait for the row. Between events of SendTx and those
// of Send there is no order.
//
// Of several events with the same Event.Key to the same target, which the request
// sends in transactions, only the last leaves, unless an earlier one has already
// left.
//
// SendTx returns [ErrNoTx] if the plugin has no transactional outbox, an error if tx
// is no transaction but a database, the same errors as Send except for
// [ErrQueueFull] and [ErrOutboxFull], or the error of the transaction. After an
// error of the transaction, roll it back.
func (o *Outbox) SendTx(tx broker.Tx, t event.Target, e event.Event) error {
	if o == nil {
		return ErrNoOutbox
	}
	if o.hasEnded() {
		return ErrTooLate
	}
	if err := o.engine.checkTx((*Scope)(o), tx); err != nil {
		return err
	}
	raw, err := o.engine.encode(&t, &e, o.sender(&e))
	if err != nil || raw == nil {
		return err
	}
	if err := o.engine.insertTx((*Scope)(o), tx, o.txKey(&e, &t), raw); err != nil {
		return err
	}
	if o.hasEnded() { // meanwhile: no epilogue will wake the relay
		o.engine.relay.wakeUp()
	}
	return nil
}

// txKey returns the key of an event that replaces earlier ones, or "". No other
// request has it. Afterwards the epilogue wakes the relay.
func (o *Outbox) txKey(e *event.Event, t *event.Target) string {
	o.mu.Lock()
	for o.txID == 0 {
		o.txID = o.engine.relay.requests.Add(1)
	}
	id := o.txID
	o.mu.Unlock()

	key := keyOf(e)
	if key == "" {
		return ""
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %d %s\x00", o.engine.hub.ID, id, key)
	_, _ = h.Write(event.AppendTarget(nil, "", t))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
