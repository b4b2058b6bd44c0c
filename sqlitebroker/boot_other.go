//go:build !linux && !darwin

package sqlitebroker

// bootID returns what names this run of the operating system.
func bootID() string { return nobodyKnows }
