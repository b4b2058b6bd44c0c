package main

import (
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/echo-pull/pull/bench/internal/load"
	"github.com/echo-pull/pull/bench/internal/peer"
	"github.com/echo-pull/pull/bench/internal/server"
	"github.com/echo-pull/pull/bench/internal/wire"
)

func TestASceneEndsWithEveryoneConnected(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	fromServer, toUs := io.Pipe()
	go func() { _ = server.Serve(ctx, peer.Kinds()[0], server.Options{Addr: "127.0.0.1:0", Out: toUs}) }()
	var ready wire.Ready
	if err := json.NewDecoder(fromServer).Decode(&ready); err != nil {
		t.Fatal(err)
	}
	fromClient, out := io.Pipe()
	scene := load.Scene{
		Options: load.Options{Addr: ready.Addr, Dialect: ready.Dialect, Users: 100},
		Arrive:  100 * time.Millisecond, Leave: 10, For: 2 * time.Second,
	}
	go func() { _ = out.CloseWithError(load.Play(scene, out)) }()
	lines := json.NewDecoder(fromClient)
	var seen load.Scenery
	for range 2 {
		if err := lines.Decode(&seen); err != nil {
			t.Fatal(err)
		}
	}

	if n := len(seen.Seconds); n != 2 || seen.Seconds[1].Connected < 90 || seen.Failed+int(seen.Closed) > 0 || seen.Bytes == 0 {
		t.Errorf("got %+v, want two seconds, about 100 connected at the end, and no failure", seen)
	}
}
