package sqlitebroker

// A row is a message in the log.
type row struct {
	offset, at int64
	message    []byte
}

// recent has the last messages that this process has published, one after
// another, so that its subscribers need not read them from the file. It is
// guarded by Broker.mu.
type recent struct {
	epoch string
	rows  []row // never changed in place
	size  int
}

const (
	recentRows  = 4096
	recentBytes = 8 << 20
)

// add appends messages up to a position. Those before stay if they end where
// these begin; another process may have published in between.
func (r *recent) add(last position, messages [][]byte) {
	first := last.offset - int64(len(messages)) + 1
	if r.epoch != last.epoch || len(r.rows) > 0 && r.rows[len(r.rows)-1].offset != first-1 {
		*r = recent{epoch: last.epoch}
	}
	for i, m := range messages {
		r.rows = append(r.rows, row{first + int64(i), last.at, m})
		r.size += len(m)
	}
	if len(r.rows) > recentRows || r.size > recentBytes {
		r.shrink()
	}
}

// shrink keeps the newer half.
func (r *recent) shrink() {
	n, size := 0, 0
	for n < len(r.rows) && n < recentRows/2 && size < recentBytes/2 {
		n++
		size += len(r.rows[len(r.rows)-n].message)
	}
	r.rows, r.size = append([]row(nil), r.rows[len(r.rows)-n:]...), size
}

// after returns the messages after a position. It is not known if there are
// others before them.
func (r *recent) after(p position) (rows []row, known bool) {
	if r.epoch != p.epoch || len(r.rows) == 0 {
		return nil, false
	}
	i := p.offset + 1 - r.rows[0].offset
	if i < 0 || i > int64(len(r.rows)) {
		return nil, false
	}
	return r.rows[i:len(r.rows):len(r.rows)], true
}
