package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/echo-pull/pull/bench/internal/load"
	"github.com/echo-pull/pull/bench/internal/peer"
	"github.com/echo-pull/pull/bench/internal/server"
	"github.com/echo-pull/pull/bench/internal/wire"
)

func TestEveryPeerDeliversOnceAndInOrder(t *testing.T) {
	const users = 100
	for _, kind := range peer.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			r := newRig(t, kind, users)
			r.warm(t, users)
			for i, name := range []string{wire.Broadcast, wire.User, wire.Tag, wire.Request} {
				job := wire.Job{
					Kind: name, First: int64(i+1) * 1_000_000, Count: 200, Size: 200, Users: users, Window: 1, For: time.Minute,
				}
				got, done := r.do(t, job)
				if done.Stalled || done.Errors > 0 || got.Lost()+got.Disordered+got.Strangers+got.Closed > 0 {
					t.Errorf("%s: the server reports %+v, the client %+v", name, done, got)
				}
			}
		})
	}
}

// A rig is a server and a client in the process of the test.
type rig struct {
	control string
	say     *json.Encoder
	hear    *bufio.Scanner
}

func newRig(t *testing.T, kind peer.Kind, users int) *rig {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	served, loaded := make(chan error, 1), make(chan error, 1)
	fromServer, toUs := io.Pipe()
	go func() { served <- server.Serve(ctx, kind, server.Options{Addr: "127.0.0.1:0", Out: toUs}) }()
	var ready wire.Ready
	if err := json.NewDecoder(fromServer).Decode(&ready); err != nil {
		t.Fatal(err)
	}

	commands, toClient := io.Pipe()
	fromClient, answers := io.Pipe()
	options := load.Options{Addr: ready.Addr, Control: ready.Control, Dialect: ready.Dialect, Users: users}
	go func() {
		loaded <- load.Run(options, commands, answers)
		_ = answers.Close()
	}()
	r := &rig{control: "http://" + ready.Control, say: json.NewEncoder(toClient), hear: bufio.NewScanner(fromClient)}
	r.next(t, &load.Connected{})
	t.Cleanup(func() {
		_ = toClient.Close()
		if err := <-loaded; err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return r
}

// warm publishes until everyone receives it: some peers complete the handshake
// before they know the connection.
func (r *rig) warm(t *testing.T, users int) {
	t.Helper()
	for i := range int64(10) {
		job := wire.Job{Kind: wire.Broadcast, First: i * 1000, Count: 1, Size: 200, Users: users, Rate: 100, For: time.Minute}
		if got, _ := r.do(t, job); got.Lost() == 0 {
			return
		}
	}
	t.Fatal("not everyone receives a broadcast")
}

// do runs the job as the driver would.
func (r *rig) do(t *testing.T, job wire.Job) (got load.Result, done wire.Published) {
	t.Helper()
	r.ask(t, load.Command{Begin: &job}, &struct{}{})
	body, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(r.control+"/publish", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if err := json.NewDecoder(response.Body).Decode(&done); err != nil {
		t.Fatal(err)
	}
	r.ask(t, load.Command{End: &done.Messages}, &got)
	return got, done
}

func (r *rig) ask(t *testing.T, command load.Command, answer any) {
	t.Helper()
	if err := r.say.Encode(command); err != nil {
		t.Fatal(err)
	}
	r.next(t, answer)
}

func (r *rig) next(t *testing.T, answer any) {
	t.Helper()
	if !r.hear.Scan() {
		t.Fatal("the client ended")
	}
	if err := json.Unmarshal(r.hear.Bytes(), answer); err != nil {
		t.Fatal(err)
	}
}
