//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package engine

import (
	"errors"
	"os"
)

// lockFile returns an error: without locks, several processes could use the same
// state file.
func lockFile(f *os.File, _, _ bool) (bool, error) {
	return false, &os.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}

// unlockFile does nothing.
func unlockFile(*os.File) {}
