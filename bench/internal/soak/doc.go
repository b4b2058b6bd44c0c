// Package soak runs the example for a long time, under faults, and checks that
// nothing grows and that no page misses an event.
//
// Two processes of the example share a log in a SQLite file. The first lives
// until the end: what it uses is what is checked. The second is killed and
// started again. Each page is a client of the protocol, a goroutine that stays
// with one of the two. Authors send numbered events through the first process,
// so that a page notices a number that is missing, comes twice or comes too late.
//
//	Run ── starts ── two servers ── /debug/vars ──► samples ──► Verdicts, Plot
//	 ├─ pages ─ load, connect, recover ─► ledger
//	 ├─ authors ─ POST /say, /tasks
//	 └─ faults ─ cuts, pauses, bursts, kills
package soak
