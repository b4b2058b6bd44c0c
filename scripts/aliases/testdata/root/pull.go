// Package pull is a plugin.
package pull

//pull:share internal/event Event, Target, User, Tag, Bound, Of
//pull:share internal/event SizeError, ErrTooLarge, ErrTooLate, HeaderClient
//pull:share internal/engine Section, PublicSection, AdminSection, Broker, Memory, Follow

// A Plugin is declared here.
type Plugin struct{}

// Send sends an [Event].
func (*Plugin) Send(Target, Event) error { return ErrTooLate }
