package pull

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// A Section is a part of a site. Modules say in which sections their pages need
// the client.
type Section uint8

const (
	// PublicSection is what visitors and users see. Routes are in it unless
	// [Plugin.Section] says otherwise.
	PublicSection Section = 1 << iota

	// AdminSection is where the site is run from.
	AdminSection

	// NoSection is none of them: it is for a module whose events reach only pages
	// that have a client for another reason.
	NoSection
)

// valid tells whether a module can use the section: none beside others makes no sense.
func (s Section) valid() bool { return s == NoSection || s&^(PublicSection|AdminSection) == 0 }

// A Module is a part of the application that sends events. A module that is
// not registered cannot send.
type Module struct {
	// ID is lower-cased. Letters, digits and ". _ -", at most 100 bytes; "pull"
	// and "online" are the plugin's own.
	ID string

	// Use says in which sections pages start their client for this module.
	// Events are delivered whatever it says. Default PublicSection.
	Use Section
}

// A registry holds the modules that depend on pull.
type registry struct {
	mu      sync.RWMutex // guards what follows
	modules map[string]Section
	used    Section // by any of them
}

func (r *registry) add(modules []Module) error {
	ids := make([]string, len(modules))
	for i, m := range modules {
		if err := checkName("module id", m.ID, ""); err != nil {
			return err
		}
		ids[i] = strings.ToLower(m.ID)
		if ids[i] == "pull" || ids[i] == "online" {
			return fmt.Errorf("pull: module id %q is reserved", ids[i])
		}
		if !m.Use.valid() {
			return errors.New("pull: module " + ids[i] + " uses an unknown section")
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.modules == nil {
		r.modules = make(map[string]Section)
	}
	for i, m := range modules {
		r.modules[ids[i]] = cmp.Or(m.Use, PublicSection)
	}
	r.used = 0
	for _, use := range r.modules {
		r.used |= use
	}
	return nil
}

func (r *registry) has(id string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()

	_, ok := r.modules[id]
	return ok
}

// needed tells whether any module uses the section.
func (r *registry) needed(s Section) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()

	return r.used&s&^NoSection != 0
}
