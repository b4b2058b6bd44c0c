package pgbroker

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// A page is what one read has found.
type page struct {
	epoch      string // "" if the log's row is gone
	last       int64  // the newest offset
	own, known int64  // the marks of the messages that were asked for; 0 if they are not there
	records    []record
}

type record struct {
	offset, mark int64
	message      []byte
}

// lacks reports whether the log misses a message that was there: it ends before,
// or has another one in this place. A message that is gone and has successors
// was trimmed.
func (p *page) lacks(at position, mark int64) bool {
	return at.offset > p.last || at.mark != 0 && mark != 0 && mark != at.mark
}

// fetch reads what follows an offset. It asks for more time if there are many
// bytes to come.
func (b *Broker) fetch(ctx context.Context, after, known int64, extend func(time.Duration)) (page, error) {
	rows, err := b.db.QueryContext(ctx, b.sql.read, after, known)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = rows.Close() }() // Err has what there is to know

	var p page
	found := false
	for rows.Next() {
		var r record
		var epoch sql.NullString
		var state page
		var size int64
		if err := rows.Scan(&r.offset, &r.mark, &r.message, &epoch, &state.last, &state.own, &state.known, &size); err != nil {
			return page{}, err
		}
		if r.offset > 0 {
			p.records = append(p.records, r)
			continue
		}
		found = true
		p.epoch, p.last, p.own, p.known = epoch.String, state.last, state.own, state.known
		extend(patience + forBytes(size))
	}
	if err := rows.Err(); err != nil {
		return page{}, err
	}
	if !found {
		return page{}, errors.New("the server has answered without the state of the log")
	}
	slices.SortFunc(p.records, func(a, b record) int { return cmp.Compare(a.offset, b.offset) })
	return p, nil
}
