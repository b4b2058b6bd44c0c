package pull

// Log returns the log of a plugin.
func (p *Plugin) Log() Broker { return p.engine.Broker() }
