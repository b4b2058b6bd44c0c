package brokertest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// This file contains the promises about several nodes.

func nodes(b *bench) error {
	other := &bench{Broker: b.suite.Faults.Join(b.t, b.Broker), suite: b.suite, ctx: b.ctx, t: b.t}
	defer other.close()
	early := []*reader{b.subscribe(), other.subscribe()}
	for range 25 { // in turns, and then at the same time
		if err := errors.Join(b.publishPairs(1), other.publishPairs(1)); err != nil {
			return err
		}
	}
	done := make(chan error, 2)
	for _, node := range []*bench{b, other} {
		go func() { done <- node.publishPairs(50) }()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		return err
	}
	if err := other.publish("end"); err != nil {
		return err
	}
	first, err := b.read(early[0], "end")
	if err != nil {
		return err
	}
	if len(first) != 301 {
		return fmt.Errorf("got %d messages, want 301", len(first))
	}
	return errors.Join(steady(first), b.agree([]*reader{early[1], b.subscribe(), other.subscribe()}, first))
}

func (b *bench) publishPairs(count int) error {
	for i := range count {
		if err := b.publish(numbers(2*i, 2*i+2)...); err != nil {
			return err
		}
	}
	return nil
}

func lateCommits(b *bench) error {
	const count, publishers, pairs = 8, 2, 20
	if delay := b.suite.Faults.Delay; delay != nil {
		delay(b.t, b.Broker)
	}
	nodes := []*bench{b}
	for range count - 1 {
		node := &bench{Broker: b.suite.Faults.Join(b.t, b.Broker), suite: b.suite, ctx: b.ctx, t: b.t}
		defer node.close()
		nodes = append(nodes, node)
	}
	var readers []*reader
	for _, node := range nodes {
		readers = append(readers, node.subscribe())
	}
	failed := make(chan error, count*publishers)
	var all sync.WaitGroup
	for i, node := range nodes {
		for p := range publishers {
			all.Go(func() { failed <- node.publishAs(strconv.Itoa(i*publishers+p), pairs) })
		}
	}
	all.Wait()
	for range cap(failed) {
		if err := <-failed; err != nil {
			return err
		}
	}
	if err := b.publish("end"); err != nil {
		return err
	}
	return b.sameOrder(append(readers, b.subscribe()), count*publishers, pairs)
}

// sameOrder returns an error unless all readers have what so many publishers have
// published, followed by "end".
func (b *bench) sameOrder(readers []*reader, publishers, pairs int) error {
	first, err := b.read(readers[0], "end")
	if err := errors.Join(err, steady(first)); err != nil {
		return err
	}
	if err := eachInOrder(first[:len(first)-1], publishers, pairs); err != nil {
		return err
	}
	return b.agree(readers[1:], first)
}

// agree returns an error unless all readers get the same messages at the same
// offsets as another one.
func (b *bench) agree(readers []*reader, first []record) error {
	for _, r := range readers {
		log, err := b.read(r, "end")
		if err != nil {
			return err
		}
		if !slices.EqualFunc(log, first, record.same) {
			return fmt.Errorf("got %d messages %.300v, want %d: %.300v, as another subscriber received them", len(log), log, len(first), first)
		}
	}
	return nil
}
