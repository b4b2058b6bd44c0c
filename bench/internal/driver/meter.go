package driver

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// tick is the unit of the kernel's CPU times.
const tick = time.Second / 100

// A meter measures how much of the CPUs others than this benchmark use.
type meter struct {
	own   []int // process ids
	begun times
}

// times are CPU times since the machine, or the processes, have started.
type times struct {
	all, busy time.Duration // of all CPUs; time that a hypervisor took counts as busy
	own       time.Duration
}

// newMeter starts to measure. Others are not this process nor any of those.
func newMeter(own ...*process) *meter {
	m := &meter{own: []int{os.Getpid()}}
	for _, p := range own {
		m.own = append(m.own, p.command.Process.Pid)
	}
	m.begun = m.read()
	return m
}

// others returns the share of the CPUs that others have used since the start. It
// is 0 if the kernel does not say.
func (m *meter) others() float64 {
	now := m.read()
	all := now.all - m.begun.all
	if all <= 0 {
		return 0
	}
	theirs := now.busy - m.begun.busy - (now.own - m.begun.own)
	return max(0, float64(theirs)/float64(all))
}

func (m *meter) read() times {
	var t times
	t.all, t.busy = machineTimes()
	for _, pid := range m.own {
		t.own += processTime(pid)
	}
	return t
}

// machineTimes reads the times of all CPUs together.
func machineTimes() (all, busy time.Duration) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	var user, nice, system, idle, wait, irq, soft, steal int64
	if _, err := fmt.Sscanf(string(text), "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &soft, &steal); err != nil {
		return 0, 0
	}
	used := user + nice + system + irq + soft + steal
	return time.Duration(used+idle+wait) * tick, time.Duration(used) * tick
}

// processTime returns the user and system time of a process, 0 if it has ended.
func processTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name, in parentheses, is the only field that may contain spaces. The
	// fields after it start with number 3; those wanted are 14 and 15.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system int64
	if len(fields) < 13 {
		return 0
	}
	if _, err := fmt.Sscan(fields[11], &user); err != nil {
		return 0
	}
	if _, err := fmt.Sscan(fields[12], &system); err != nil {
		return 0
	}
	return time.Duration(user+system) * tick
}
