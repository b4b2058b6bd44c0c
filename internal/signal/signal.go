// Package signal wakes goroutines.
package signal

// Send wakes the receiver of a channel with a buffer of one, now or at its next
// receive. It never blocks.
func Send(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
