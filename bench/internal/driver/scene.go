package driver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/echo-pull/pull/bench/internal/load"
	"github.com/echo-pull/pull/bench/internal/record"
	"github.com/echo-pull/pull/bench/internal/wire"
)

// A scene is connections that come and go, measured second by second.
type scene struct {
	workload string
	place
	arrive time.Duration // in which all connect
	leave  int           // connections that end each second after that, and return
	length time.Duration
	rate   float64 // broadcasts per second
}

// presence measures users who connect within a few seconds, while everybody is
// notified of everybody, and while nobody is.
func (d *Driver) presence(ctx context.Context, t tag, users int) error {
	if users < 1000 || t.peer != "pull" && users > 1000 { // the others take minutes
		return nil
	}
	for i, workload := range []string{record.PresenceNobody, record.PresenceAll} {
		err := d.play(ctx, t, scene{
			workload: workload,
			place:    place{peer: t.peer, users: users, presence: i == 1},
			arrive:   2*time.Second + time.Duration(users/5000)*time.Second,
			length:   15 * time.Second,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// change measures broadcasts while connections come and go.
func (d *Driver) change(ctx context.Context, t tag) error {
	users := slices.Max(d.Users)
	return d.play(ctx, t, scene{
		workload: record.Change,
		place:    place{peer: t.peer, users: users},
		arrive:   2 * time.Second,
		leave:    users / 100,
		length:   20 * time.Second,
		rate:     20,
	})
}

// play plays a scene and records it.
func (d *Driver) play(ctx context.Context, t tag, sc scene) error {
	s, err := d.serve(ctx, sc.place)
	if err != nil {
		return t.failed(ctx, sc.users, sc.workload, err)
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(ctx, sc.length+grace)
	defer cancel()
	overdue := context.AfterFunc(ctx, s.close)
	defer overdue()

	r, err := s.play(ctx, sc)
	if err != nil {
		err = fmt.Errorf("%s: %w", sc.workload, err)
	}
	return t.keep(ctx, sc.users, sc.workload, r, err)
}

func (s *session) play(ctx context.Context, sc scene) (record.Record, error) {
	s.jobs++
	client, err := start(ctx, "", "scene", "--addr", s.server.ready.Addr, "--dialect", s.server.ready.Dialect,
		"--users", strconv.Itoa(sc.users), "--arrive", sc.arrive.String(), "--leave", strconv.Itoa(sc.leave),
		"--for", sc.length.String(), "--first", strconv.FormatInt(s.jobs*jobNumbers, 10))
	if err != nil {
		return record.Record{}, err
	}
	s.client = client
	if err := client.hear(&struct{}{}); err != nil {
		return record.Record{}, err
	}
	m, before := newMeter(s.server.process, s.client), time.Now()
	published := s.broadcast(ctx, sc)
	stats, err := s.watch(ctx, int(sc.length/time.Second))
	if err != nil {
		return record.Record{}, err
	}
	if err := <-published; err != nil {
		return record.Record{}, err
	}
	others := m.others()
	var seen load.Scenery
	if err := client.hear(&seen); err != nil {
		return record.Record{}, err
	}
	r := played(sc, stats, seen)
	r.Others, r.Elapsed = others, time.Since(before)
	return r, nil
}

// broadcast publishes beside the scene. The channel receives one value at the end.
func (s *session) broadcast(ctx context.Context, sc scene) <-chan error {
	done := make(chan error, 1)
	if sc.rate == 0 {
		done <- nil
		return done
	}
	job := wire.Job{
		Kind: wire.Broadcast, First: s.jobs * jobNumbers, Users: sc.users, Size: 200, Count: endless,
		Rate: sc.rate, For: sc.length - time.Second,
	}
	go func() {
		_, err := s.server.publish(ctx, job)
		done <- err
	}()
	return done
}

// watch returns the server's state at the start and at the end of each second.
func (s *session) watch(ctx context.Context, seconds int) ([]wire.Stats, error) {
	all := make([]wire.Stats, 0, seconds+1)
	for begun := time.Now(); len(all) <= seconds; {
		if err := rest(ctx, time.Until(begun.Add(time.Duration(len(all))*time.Second))); err != nil {
			return nil, err
		}
		var now wire.Stats
		if err := s.server.ask(ctx, http.MethodGet, "/stats", nil, &now); err != nil {
			return nil, err
		}
		all = append(all, now)
	}
	return all, nil
}

// played puts together what both sides saw.
func played(sc scene, stats []wire.Stats, seen load.Scenery) record.Record {
	r := record.Record{
		Workload:   sc.workload,
		Version:    stats[0].Version,
		Rate:       sc.rate,
		Deliveries: seen.Deliveries,
		Bytes:      seen.Bytes,
		CPU:        stats[len(stats)-1].CPU - stats[0].CPU,
		Mallocs:    stats[len(stats)-1].Mallocs - stats[0].Mallocs,
		Disordered: seen.Disordered,
		Strangers:  seen.Strangers,
		Closed:     seen.Closed,
		Refused:    int64(seen.Failed),
		P50:        seen.P50,
		P99:        seen.P99,
		P999:       seen.P999,
		Max:        seen.Max,
	}
	for i, s := range seen.Seconds[:min(len(seen.Seconds), len(stats)-1)] {
		r.Seconds = append(r.Seconds, record.Second{
			Connected: s.Connected, Bytes: s.Bytes, Deliveries: s.Deliveries, P50: s.P50, P99: s.P99,
			CPU: stats[i+1].CPU - stats[i].CPU, RSS: stats[i+1].RSS,
		})
	}
	return r
}
