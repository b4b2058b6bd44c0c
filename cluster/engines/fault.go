package engines

import (
	"math/rand/v2"
	"time"

	"github.com/echo-pull/pull/internal/modeltest"
)

// fault returns a fault that is drawn without chance.
func fault(name string, happen ...func() error) modeltest.Fault {
	return modeltest.Fault{Name: name, Happen: func(*rand.Rand) error {
		for _, step := range happen {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}}
}

// loss returns a fault after which the log is another one.
func loss(name string, happen ...func() error) modeltest.Fault {
	f := fault(name, happen...)
	f.Loses = true
	return f
}

// doubt returns a fault after which the log may have another epoch, though it has
// lost nothing.
func doubt(name string, happen ...func() error) modeltest.Fault {
	f := fault(name, happen...)
	f.Renews = true
	return f
}

// freeze returns a fault that lasts for a while, with what begins and ends it.
func freeze(lasts func(*rand.Rand) time.Duration, begin, end func() error) modeltest.Fault {
	return modeltest.Fault{Name: "freeze", Happen: func(r *rand.Rand) error {
		if err := begin(); err != nil {
			return err
		}
		<-time.After(lasts(r))
		return end()
	}}
}
