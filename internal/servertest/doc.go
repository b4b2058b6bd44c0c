//go:build unix

// Package servertest starts the servers that tests need, in temporary
// directories, and ends them: also when the process of the tests dies.
//
// Servers that refuse to run as root run as another user then. A program that is
// missing skips the test, except under CI, where it fails the test.
package servertest
