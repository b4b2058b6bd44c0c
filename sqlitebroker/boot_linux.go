package sqlitebroker

import (
	"os"
	"strings"
)

// bootID returns what names this run of the operating system.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nobodyKnows
	}
	return strings.TrimSpace(string(id))
}
