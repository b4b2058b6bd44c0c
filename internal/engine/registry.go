package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/echo-pull/pull/internal/envelope"
)

// A Section is a part of a site. Each module names the sections whose pages
// need the client.
type Section uint8

const (
	// PublicSection is the part for visitors and users. Routes belong to it
	// unless [Plugin.Section] sets another section.
	PublicSection Section = 1 << iota

	// AdminSection is the part for administrators.
	AdminSection

	// NoSection is none of the sections. Use it for a module whose events go
	// only to pages that have a client for another reason.
	NoSection
)

// isValid reports whether a module can use the section. NoSection cannot be
// combined with others.
func (s Section) isValid() bool { return s == NoSection || s&^(PublicSection|AdminSection) == 0 }

// A Module is a part of the application that sends events. A module must be
// registered before it can send.
type Module struct {
	// ID is the module's id: letters, digits and ". _ -", at most 100 bytes.
	// Register converts it to lower case. The plugin reserves "pull" and
	// "online".
	ID string

	// Use names the sections whose pages start their client for this module. It
	// does not affect the delivery of events. Default PublicSection.
	Use Section

	// Relay decides whether a page may send a message to other pages, as pull.send of
	// the browser client does. It returns nil to permit it. The page is not notified of
	// the error, only that the message is forbidden. The plugin has checked before that
	// From is the user of the page, and that the page or its user watches the Tag;
	// whether From may send to the Users is what Relay has to check.
	//
	// It is called on the goroutine of the page's connection, so that a slow call
	// delays this page alone, and concurrently for different pages. ctx ends after five
	// seconds, and when the plugin shuts down; Relay must then return, and the message
	// is not sent. A panic is reported to Config.OnError and forbids the message.
	// Default nil: pages send no messages of this module.
	Relay func(ctx context.Context, m Message) error
}

// A registry holds the registered modules.
type registry struct {
	mu      sync.RWMutex // guards modules and used
	modules map[string]Module
	used    Section // union of the sections that modules use
	open    bool    // every module counts as registered, for tests
}

// add registers all of the modules, or none if one is invalid.
func (r *registry) add(modules []Module) error {
	ids := make([]string, len(modules))
	for i, m := range modules {
		if err := envelope.CheckModule(m.ID); err != nil {
			return err
		}
		ids[i] = strings.ToLower(m.ID)
		if ids[i] == "pull" || ids[i] == "online" {
			return fmt.Errorf("pull: module id %q is reserved", ids[i])
		}
		if !m.Use.isValid() {
			return errors.New("pull: module " + ids[i] + " uses an unknown section")
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.modules == nil {
		r.modules = make(map[string]Module)
	}
	for i, m := range modules {
		m.ID, m.Use = ids[i], cmp.Or(m.Use, PublicSection)
		r.modules[m.ID] = m
	}
	r.used = 0
	for _, m := range r.modules {
		r.used |= m.Use
	}
	return nil
}

// has reports whether a module is registered.
func (r *registry) has(id string) bool {
	r.mu.RLock()
	_, ok := r.modules[id]
	open := r.open
	r.mu.RUnlock()

	return ok || open && r.add([]Module{{ID: id}}) == nil
}

// relayOf returns Module.Relay of a module, or nil if no page may send its messages.
func (r *registry) relayOf(id string) func(context.Context, Message) error {
	r.mu.RLock()
	defer r.mu.RUnlock()

	return r.modules[id].Relay
}

// admitAll makes every valid module register itself when it is first used.
func (r *registry) admitAll() {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.open = true
}

// isUsed reports whether any module uses the section. Modules that register themselves
// use PublicSection.
func (r *registry) isUsed(s Section) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()

	used := r.used
	if r.open {
		used |= PublicSection
	}
	return used&s&^NoSection != 0
}
