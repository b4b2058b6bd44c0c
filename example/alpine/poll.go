package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A poll is kept in a file. If the process is killed, the votes are still there, but
// the log is not: pages are notified of a gap, and load the votes.
type poll struct {
	file string

	mu    sync.Mutex // guards votes, and writing the file
	votes votes      // never modified: a vote replaces them
}

// votes are also the params of an event.
type votes struct {
	Total int            `json:"total"`
	Votes map[string]int `json:"votes"`
}

func open(file string) (*poll, error) {
	p := &poll{file: file, votes: votes{Votes: map[string]int{"tea": 0, "coffee": 0}}}
	text, err := os.ReadFile(file) //nolint:gosec // the operator names it
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return nil, err
	}
	return p, json.Unmarshal(text, &p.votes)
}

func (p *poll) now() votes {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.votes
}

// vote counts a vote, and sends all votes to every page. They are the whole state, so
// a page that was away gets only the last of these events.
func (p *poll) vote(c pull.Context) error {
	v, err := p.add(c.Param("choice"))
	if err != nil {
		return err
	}
	event := pull.Event{Module: "poll", Command: "votes", Params: v, Key: "votes", Keep: pull.Last}
	if err := c.Pull().Send(pull.Shared(), event); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (p *poll) add(choice string) (votes, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.votes.Votes[choice]; !ok {
		return votes{}, echo.ErrNotFound
	}
	v := votes{p.votes.Total + 1, maps.Clone(p.votes.Votes)}
	v.Votes[choice]++
	text, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(p.file+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(p.file+".new", p.file)
	}
	if err == nil {
		p.votes = v
	}
	return v, err
}
