//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package engine

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks a file for this file handle, shared or exclusively, and reports
// whether it has. If wait is false, it returns false at once while others hold
// the lock. The lock ends with the process.
func lockFile(f *os.File, exclusive, wait bool) (bool, error) { //nolint:revive // flags of the system call
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		err := syscall.Flock(int(f.Fd()), how)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
	}
}

// unlockFile releases the lock of lockFile.
func unlockFile(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
