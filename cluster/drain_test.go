package cluster_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/cluster/engines"
)

const (
	drained   = 200 // pages
	drainTime = 2 * time.Second
)

// drainAcross ends a process with many pages, which go to another one while that
// publishes. They get each event once and in order.
func drainAcross(t *testing.T, e engines.Engine, s *engines.Server, to *process) {
	from, err := startProcess(e, s.Address, patient, nodeDrain+"="+drainTime.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(from.kill)
	pages := make([]*mover, drained)
	for i := range pages {
		pages[i] = &mover{tab: from.connect(t, "", login("m"+strconv.Itoa(i), ""))}
	}
	before := to.stats(t)

	var moving sync.WaitGroup
	for i, p := range pages {
		moving.Go(func() { p.err = p.move(to, "m"+strconv.Itoa(i)) })
	}
	ended := make(chan error, 1)
	go func() { ended <- from.Stop() }()
	sent := publishDuring(t, to, ended)
	moving.Wait()

	var times []time.Time
	for i, p := range pages {
		if p.err != nil || !slices.Equal(p.got, sent) {
			t.Errorf("page %d: got %v and %v, want %v", i, p.got, p.err, sent)
		}
		times = append(times, p.left)
	}
	if took := slices.MaxFunc(times, time.Time.Compare).Sub(slices.MinFunc(times, time.Time.Compare)); took < drainTime/2 {
		t.Errorf("the pages have left within %s, want them spread over %s", took, drainTime)
	}
	a, _ := settled(t, []*process{to, to}, func(a, _ pull.Stats) bool { return a.Recovered >= before.Recovered+drained })
	if a.Recovered != before.Recovered+drained || a.Gaps != before.Gaps {
		t.Errorf("%d pages have recovered and %d have a gap, want %d and none", a.Recovered-before.Recovered, a.Gaps-before.Gaps, drained)
	}
	for _, p := range pages {
		closeAll(p.tab)
	}
}

// publishDuring publishes events to everyone until the other node has ended, and then
// the last one. It returns their names.
func publishDuring(t *testing.T, n *process, ended <-chan error) (names []string) {
	t.Helper()
	shared := func(command string) {
		body := `{"target":{"shared":true},"event":{"module":"tasks","command":"` + command + `"}}`
		if status, text := n.post(t, "/events", body, service("application/json", "")); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, text)
		}
		names = append(names, "tasks:"+command)
	}
	for over := false; !over; {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			over = true
		case <-time.After(20 * time.Millisecond):
		}
		shared("drain-" + strconv.Itoa(len(names)))
	}
	shared("drained")
	return names
}

// A mover is a page that goes to another node when its own one ends.
type mover struct {
	*tab
	offset uint64
	got    []string
	left   time.Time // when its node has closed the connection
	err    error
}

// move reads until the last event.
func (m *mover) move(to *process, user string) error {
	m.offset = m.hello.Params.Offset
	err := m.readEvents()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.CloseServiceRestart {
		return fmt.Errorf("%w, want close 1012", err)
	}
	m.left = time.Now()
	_ = m.conn.Close()
	d := websocket.Dialer{NetDialContext: to.Dial}
	cursor := fmt.Sprintf("&cursor=%s.%d", m.hello.Params.Epoch, m.offset)
	conn, response, err := d.Dial("ws://app.test/pull?protocol=2"+cursor, login(user, ""))
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	m.conn, m.read = conn, nil
	return m.readEvents()
}

// readEvents reads until the last event, or until the connection ends.
func (m *mover) readEvents() error {
	for {
		raw, err := m.next()
		if err != nil {
			return err
		}
		a, ok := parseArrival(raw)
		if !ok {
			continue
		}
		m.offset = a.Offset
		if strings.HasPrefix(a.Name, "tasks:drain") {
			m.got = append(m.got, a.Name)
		}
		if a.Name == "tasks:drained" {
			return nil
		}
	}
}
