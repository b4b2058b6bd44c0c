package envelope

import (
	"testing"
	"time"
)

// The embedded log removes transient messages first.
func TestLogKeepsWhatALaterNodeNeeds(t *testing.T) {
	for kind, kept := range map[Kind]bool{KindEndSession: true, KindLooked: true, KindSession: false, KindDone: false, KindDisconnect: false, KindBeat: false} {
		if IsTransient(Control(kind, time.Now(), "a", "b")) == kept {
			t.Errorf("kind %d: got kept %t, want %t", kind, !kept, kept)
		}
	}
}
