package server

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A clock waits for the times of a schedule. In an idle process time.Sleep rounds
// waits below a millisecond up, by as much as the latencies measured here. A
// timer file descriptor does not, and it occupies no processor.
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

// until returns at the given time, or at once if it has passed.
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
