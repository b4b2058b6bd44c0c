package pull

// Watch returns the watches. A watch belongs to a user, on all pages and
// devices. Only server code grants a watch; a page can only extend it. It ends
// Config.WatchTTL after its last extension. Tags are free text of 1 to 255
// bytes, in UTF-8 and without control characters. All methods are safe for
// concurrent use and affect every node of the application.
func (p *Plugin) Watch() Watches { return p.engine.Watch() }

// Presence returns the presence of users on all nodes. A user is online while
// at least one session is open, and for Config.PresenceGrace after the last one
// has closed. Guests are counted, in [Stats], not listed. All methods are safe
// for concurrent use.
func (p *Plugin) Presence() Presence { return p.engine.Presence() }
