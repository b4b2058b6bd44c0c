package push_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/push"
)

// The disk may be slower than the store is patient: those that write wait for one
// another, in line, and for another process only while it writes.
func TestManyWriteASQLiteFileOnASlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &slowFile{commit: time.Second, others: 2 * time.Second}
		store := push.NewSQLStore(openSlow(t, file))
		errs := make([]error, 50)
		var running sync.WaitGroup
		for i := range errs {
			running.Go(func() {
				s := push.Subscription{Endpoint: fmt.Sprint("https://push.example/", i)}
				errs[i] = store.Save(t.Context(), fmt.Sprint("user ", i), s)
			})
		}
		running.Wait()
		if err := errors.Join(errs...); err != nil || file.rows != len(errs) {
			t.Errorf("%d rows and %v, want %d", file.rows, err, len(errs))
		}
	})
}

// A process that does not let the file go costs each caller five seconds, not five
// seconds times those before it, also if the connections have a busy_timeout.
func TestTheLineDoesNotAddUpWhileAnotherProcessWrites(t *testing.T) {
	for _, timeout := range []time.Duration{0, 5 * time.Second} {
		t.Run(timeout.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := &slowFile{commit: time.Second, timeout: timeout}
				store := push.NewSQLStore(openSlow(t, file))
				if _, err := store.Of(t.Context(), "ann"); err != nil { // so the table exists
					t.Fatal(err)
				}
				<-time.After(time.Minute)
				file.lock()
				began := time.Now()
				var running sync.WaitGroup
				for i := range 50 {
					running.Go(func() {
						err := store.Delete(t.Context(), "ann", fmt.Sprint("https://push.example/", i))
						if took := time.Since(began); !errors.Is(err, errLocked) || took < 5*time.Second || took > 6*time.Second {
							t.Errorf("%v after %v, want an error after 5 s", err, took)
						}
					})
				}
				running.Wait()
				file.unlock()
				if err := store.Delete(t.Context(), "ann", "https://push.example/1"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Who waits in line can give up.
func TestACallInLineEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := &slowFile{commit: time.Minute}
		store := push.NewSQLStore(openSlow(t, file))
		var first error
		var running sync.WaitGroup
		running.Go(func() { first = store.Delete(t.Context(), "ann", "https://push.example/1") })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := store.Delete(ctx, "ann", "https://push.example/2")
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("%v after %v", err, took)
		}
		running.Wait()
		if first != nil {
			t.Error(first)
		}
	})
}

var errLocked = errors.New("database is locked (5) (SQLITE_BUSY)")

// A slowFile is a database/sql driver that does what SQLite does without a
// busy_timeout: while one connection uses the file, others get an error.
type slowFile struct {
	commit time.Duration // how long a statement that writes takes
	others time.Duration // how long another process writes after ten of them

	timeout time.Duration // the busy_timeout of the connections

	mu      sync.Mutex
	locked  bool
	until   time.Time // when the other process is ready
	commits int
	rows    int // that were inserted
}

func openSlow(t testing.TB, file *slowFile) *sql.DB {
	db := sql.OpenDB(file)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (f *slowFile) lock() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locked || time.Now().Before(f.until) {
		return false
	}
	f.locked = true
	return true
}

func (f *slowFile) unlock() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.locked = false
}

func (f *slowFile) Connect(context.Context) (driver.Conn, error) { return slowConn{f}, nil }
func (f *slowFile) Driver() driver.Driver                        { return nil }

type slowConn struct{ *slowFile }

func (c slowConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (c slowConn) Begin() (driver.Tx, error)           { return c, nil }
func (c slowConn) Close() error                        { return nil }
func (c slowConn) Commit() error                       { return nil }
func (c slowConn) Rollback() error                     { return nil }

func (c slowConn) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	if !c.lock() {
		<-time.After(c.timeout)
		return nil, errLocked
	}
	<-time.After(c.commit)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.locked = false
	if c.commits++; c.commits%10 == 0 {
		c.until = time.Now().Add(c.others)
	}
	if strings.HasPrefix(query, "INSERT") {
		c.rows++
	}
	return driver.ResultNoRows, nil
}

func (c slowConn) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	switch {
	case strings.Contains(query, "sqlite_version"):
		return &oneRow{value: "3.50.0"}, nil
	case strings.Contains(query, "version"):
		return nil, errors.New("no such function: version")
	}
	if !c.lock() { // as without WAL
		return nil, errLocked
	}
	defer c.unlock()
	return &oneRow{read: true}, nil
}

// oneRow is the rows of a query, one or none.
type oneRow struct {
	value driver.Value
	read  bool
}

func (r *oneRow) Columns() []string { return []string{"value"} }
func (r *oneRow) Close() error      { return nil }

func (r *oneRow) Next(dest []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read, dest[0] = true, r.value
	return nil
}
