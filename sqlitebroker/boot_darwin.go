package sqlitebroker

import "syscall"

// bootID returns what names this run of the operating system.
func bootID() string {
	id, err := syscall.Sysctl("kern.bootsessionuuid")
	if err != nil || id == "" {
		return nobodyKnows
	}
	return id
}
