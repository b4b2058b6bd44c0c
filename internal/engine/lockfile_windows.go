package engine

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

var (
	kernel32     = syscall.NewLazyDLL("kernel32.dll") //nolint:gochecknoglobals // what the system offers
	lockFileEx   = kernel32.NewProc("LockFileEx")     //nolint:gochecknoglobals // likewise
	unlockFileEx = kernel32.NewProc("UnlockFileEx")   //nolint:gochecknoglobals // likewise
)

const (
	lockFailImmediately = 1
	lockExclusive       = 2
	errLockViolation    = syscall.Errno(33)
)

// beyond is the byte that is locked: behind all contents, because a lock of
// Windows keeps others from reading as well.
func beyond() *syscall.Overlapped { return &syscall.Overlapped{OffsetHigh: 1 << 30} }

// lockFile locks a file for this one opening of it, shared or exclusively, and
// tells whether it could: without waiting, not while others hold it. The lock
// ends with the process.
func lockFile(f *os.File, exclusive, wait bool) (bool, error) { //nolint:revive // flags of the system call
	var flags uintptr
	if exclusive {
		flags |= lockExclusive
	}
	if !wait {
		flags |= lockFailImmediately
	}
	ok, _, err := lockFileEx.Call(f.Fd(), flags, 0, 1, 0, uintptr(unsafe.Pointer(beyond())))
	switch {
	case ok != 0:
		return true, nil
	case errors.Is(err, errLockViolation), errors.Is(err, syscall.ERROR_IO_PENDING):
		return false, nil
	default:
		return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
}

func unlockFile(f *os.File) {
	_, _, _ = unlockFileEx.Call(f.Fd(), 0, 1, 0, uintptr(unsafe.Pointer(beyond())))
}
