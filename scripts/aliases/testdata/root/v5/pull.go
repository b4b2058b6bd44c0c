// Package pull is a plugin, too.
package pull

// A Plugin is declared here.
type Plugin struct{}

// Send sends an [Event].
func (*Plugin) Send(Target, Event) error { return ErrTooLate }
