//go:build unix

// Package firefoxtest drives a headless Firefox over WebDriver BiDi, with its
// notifications: tests read those that are shown, and click them. All waits end
// with their context, and after [Patience] at the latest.
package firefoxtest
