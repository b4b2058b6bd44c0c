package brokertest

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// This file contains the promises about several publishers.

func oneAtATime(b *bench) error {
	r := b.subscribeTo(func(record) { runtime.Gosched() })
	if err := b.concurrently(8, 25); err != nil {
		return err
	}
	if _, err := b.read(r, "end"); err != nil {
		return err
	}
	if n := r.overlaps.Load(); n > 0 {
		return fmt.Errorf("%d calls began before the previous one had returned", n)
	}
	return nil
}

func publishers(b *bench) error {
	const publishers, pairs = 8, 50
	r := b.subscribe()
	if err := b.concurrently(publishers, pairs); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	if err != nil {
		return err
	}
	return errors.Join(eachInOrder(log[:len(log)-1], publishers, pairs), steady(log))
}

func oneLog(b *bench) error {
	early := []*reader{b.subscribe(), b.subscribe()}
	if err := b.concurrently(4, 50); err != nil {
		return err
	}
	late := b.subscribe()
	first, err := b.read(early[0], "end")
	if err != nil {
		return err
	}
	return b.agree([]*reader{early[1], late}, first)
}

// concurrently runs several publishers at once, each of which publishes pairs of
// messages. Then it publishes "end".
func (b *bench) concurrently(publishers, pairs int) error {
	failed := make(chan error, publishers)
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			if err := b.publishAs(strconv.Itoa(p), pairs); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return b.publish("end")
	}
}

// publishAs publishes numbered pairs of messages that begin with the name of a
// publisher.
func (b *bench) publishAs(name string, pairs int) error {
	for i := range pairs {
		if err := b.publish(name+" "+strconv.Itoa(2*i), name+" "+strconv.Itoa(2*i+1)); err != nil {
			return err
		}
	}
	return nil
}

// eachInOrder returns an error unless the log has all pairs of all publishers,
// and each one's in its order.
func eachInOrder(log []record, publishers, pairs int) error {
	next := make(map[string]int)
	for _, m := range texts(log) {
		name, number, _ := strings.Cut(m, " ")
		if number != strconv.Itoa(next[name]) {
			return fmt.Errorf("publisher %s: got message %s, want %d", name, number, next[name])
		}
		next[name]++
	}
	if got, all := len(log), publishers*pairs*2; got != all {
		return fmt.Errorf("got %d messages, want %d", got, all)
	}
	return nil
}
