package engine

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

var (
	kernel32     = syscall.NewLazyDLL("kernel32.dll") //nolint:gochecknoglobals // part of the system
	lockFileEx   = kernel32.NewProc("LockFileEx")     //nolint:gochecknoglobals // part of the system
	unlockFileEx = kernel32.NewProc("UnlockFileEx")   //nolint:gochecknoglobals // part of the system
)

const (
	lockFailImmediately = 1
	lockExclusive       = 2
	errLockViolation    = syscall.Errno(33)
)

// lockedByte is the position of the byte that is locked. It is far beyond the
// contents, because on Windows a lock keeps others from reading as well.
func lockedByte() *syscall.Overlapped { return &syscall.Overlapped{OffsetHigh: 1 << 30} }

// lockFile locks a file for this file handle, shared or exclusively, and reports
// whether it has. If wait is false, it returns false at once while others hold
// the lock. The lock ends with the process.
func lockFile(f *os.File, exclusive, wait bool) (bool, error) { //nolint:revive // flags of the system call
	var flags uintptr
	if exclusive {
		flags |= lockExclusive
	}
	if !wait {
		flags |= lockFailImmediately
	}
	ok, _, err := lockFileEx.Call(f.Fd(), flags, 0, 1, 0, uintptr(unsafe.Pointer(lockedByte())))
	switch {
	case ok != 0:
		return true, nil
	case errors.Is(err, errLockViolation), errors.Is(err, syscall.ERROR_IO_PENDING):
		return false, nil
	default:
		return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
}

// unlockFile releases the lock of lockFile.
func unlockFile(f *os.File) {
	_, _, _ = unlockFileEx.Call(f.Fd(), 0, 1, 0, uintptr(unsafe.Pointer(lockedByte())))
}
