package pulltest

import (
	"testing"

	"github.com/echo-pull/pull/internal/plugintest"
	"github.com/echo-pull/pull/v5"
)

// Messages are the events that left while a function ran, in order. They never
// change. Its methods fail the test with all that left, beside what was wanted.
//
//	func (m *Messages) Only(t testing.TB, target pull.Target, events ...pull.Event)
//
// Only fails the test unless exactly these events left, to this target and in this
// order. Params, PerUser and Extra are compared as JSON. Key, Keep, TTL, ExceptSender,
// Secret and Push are compared if they are set in what the test wants, and Key and
// ExceptSender not for events of SendTx. The order of users and tags in a target does not matter.
//
//	func (m *Messages) None(t testing.TB)
//
// None fails the test if anything left.
//
//	func (m *Messages) Exactly(t testing.TB, want ...Message)
//
// Exactly is Only for events to several targets.
//
//	func (m *Messages) To(target pull.Target) *Messages
//
// To returns those to exactly this target.
//
//	func (m *Messages) Events() []pull.Event
//	func (m *Messages) All() []Message
//
// Events and All return what left, with Params, and the values in PerUser and Extra, as a
// json.RawMessage.
type Messages = plugintest.Messages

// A Message is an event with its target.
//
//	type Message struct {
//		Target pull.Target
//		Event  pull.Event
//	}
type Message = plugintest.Message

// Sent calls f and returns the events that left because of it, in order: those of
// requests that have succeeded, of Flush, and of Plugin.Send. An event has left
// when the plugin is about to put it into the log, even if the log cannot be reached
// at that time. What goroutines send after f has returned is not among them.
//
// Events of SendTx are among them if their transaction is committed before f
// returns: Sent moves them into the log at once. They come after the others, among
// themselves in their own order. With several nodes on one database, another node
// may have been faster.
//
// Fragments and withdrawals are events of module pull with the commands render and
// withdraw. Watches and presence are not events. Nothing else that uses the plugin
// should send meanwhile: Sent cannot know because of what.
func Sent(t testing.TB, p *pull.Plugin, f func()) *Messages {
	t.Helper()
	return plugintest.Sent(t, p.Watch(), f)
}
