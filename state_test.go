package pull

// Log is the plugin's broker, for tests that look at the log itself.
func (p *Plugin) Log() Broker { return p.broker }
