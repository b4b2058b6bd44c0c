package main

import "github.com/echo-pull/pull"

// The events that pages receive. static/events.d.ts has their types for the scripts of
// the pages.
var (
	taskSaved    = pull.Define[task]("tasks", "save")
	taskDeleted  = pull.Define[task]("tasks", "delete")
	auditSaved   = pull.Define[change]("audit", "save")
	auditDeleted = pull.Define[change]("audit", "delete")
	messageSent  = pull.Define[message]("im", "message")
)

// A change is what the admin page learns about a task.
type change struct {
	By   string `json:"by"`
	Task task   `json:"task"`
}

// A message is text from a user.
type message struct {
	From string    `json:"from"`
	To   recipient `json:"to"`
	At   string    `json:"at"` // the name of the user, or the address of the page
	Text string    `json:"text"`
}

// A recipient is a kind of recipients.
type recipient string

const (
	everyone recipient = "everyone"
	onPage   recipient = "page"
	toUser   recipient = "user"
)
