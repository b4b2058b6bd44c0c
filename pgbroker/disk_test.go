package pgbroker_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"testing"

	"github.com/echo-pull/pull/pgbroker"
)

// A server that has no room refuses messages, or stops. When it has room again,
// the log goes on, and has every message that was accepted.
func TestFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T) (s *server, mend func()){
		"full":           smallDisk,
		"file too large": smallFiles,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, mend := begin(t)
			b := newBroker(t, s, "pull_")
			publish(t, b, "first")
			before := find(follow(t, b).sees(t, "first"), "first")
			accepted := fill(t, b)

			mend()

			publish(t, b, "end")
			entries := follow(t, b).sees(t, "end")
			unbroken(t, entries)
			if entries[0] != before {
				t.Errorf("got %v first, want %v as before", entries[0], before)
			}
			got := make(map[string]bool)
			for _, e := range entries {
				number, _, _ := bytes.Cut([]byte(e.message), []byte(" "))
				got[string(number)] = true
			}
			for n := range accepted {
				if !got[strconv.Itoa(n)] {
					t.Errorf("message %d of %d is lost", n, accepted)
				}
			}
		})
	}
}

// fill publishes until there is no room, and returns how many messages were
// accepted.
func fill(t *testing.T, b *pgbroker.Broker) int {
	t.Helper()
	const most = 1000
	for n := range most {
		message := append(strconv.AppendInt(nil, int64(n), 10), ' ')
		if err := b.Publish(context.Background(), append(message, make([]byte, 256<<10)...)); err != nil {
			t.Logf("full after %d messages: %v", n, err)
			return n
		}
	}
	t.Fatalf("%d messages were accepted, want an error before", most)
	return 0
}

// smallDisk returns a server on a file system of its own. Only root can make one.
func smallDisk(t *testing.T) (s *server, mend func()) {
	t.Helper()
	s = &server{dir: directory(t)}
	uid, gid := owner(t)
	options := fmt.Sprintf("size=100m,mode=700,uid=%d,gid=%d", uid, gid)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", s.dir).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", s.dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	copyData(t, template(t), s.data())
	s.start(t)
	return s, func() {
		if out, err := exec.Command("mount", "-o", "remount,size=500m", s.dir).CombinedOutput(); err != nil {
			t.Fatalf("mount: %s", out)
		}
		select {
		case <-s.ended: // it has stopped, because it could not write its WAL
			s.start(t)
		default:
		}
	}
}

// smallFiles returns a server that cannot write large files.
func smallFiles(t *testing.T) (s *server, mend func()) {
	t.Helper()
	s = &server{dir: directory(t), largest: 20} // a file of the WAL has 16 MiB
	copyData(t, template(t), s.data())
	s.start(t)
	return s, func() {
		s.stop()
		s.largest = 0
		s.start(t)
	}
}
