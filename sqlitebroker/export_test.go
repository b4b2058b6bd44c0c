package sqlitebroker

// NewAfterBoot is New on a computer that has started again.
func NewAfterBoot(c Config, boot string) (*Broker, error) {
	return open(c, boot)
}

// NobodyKnows is the boot of an operating system that has no name for it.
const NobodyKnows = nobodyKnows
