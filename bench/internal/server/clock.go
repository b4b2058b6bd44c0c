package server

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A clock waits for moments on a schedule. time.Sleep rounds what is shorter
// than a millisecond up when the process is idle, which is as long as what is
// measured here; a timer file descriptor does not, and holds no processor.
type clock struct {
	timer *os.File
}

func newClock() (*clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timer: %w", err)
	}
	return &clock{timer: os.NewFile(uintptr(fd), "timer")}, nil
}

func (c *clock) close() { _ = c.timer.Close() }

// until returns at the moment, or at once when it is over.
func (c *clock) until(moment time.Time) error {
	wait := time.Until(moment)
	if wait <= 0 {
		return nil
	}
	raw, err := c.timer.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		value := unix.NsecToTimespec(wait.Nanoseconds())
		failed = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: value}, nil)
	})
	if err != nil || failed != nil {
		return fmt.Errorf("timer: %w, %w", err, failed)
	}
	var expirations [8]byte
	_, err = c.timer.Read(expirations[:])
	return err
}
