package typed

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/echo-pull/pull/internal/schema"
)

// A catalog is the events of one output.
type catalog struct {
	types  *schema.Set
	named  []*schema.Named // the types that have a name in the output
	events []entry
}

// An entry is an event of a catalog.
type entry struct {
	module, command string
	goType          reflect.Type
	params          schema.Type
}

func (e entry) name() string { return e.module + ":" + e.command }

// read returns the catalog of what an application has declared, by name.
func read(declared []Typed) (*catalog, error) {
	c := &catalog{types: schema.NewSet()}
	for _, d := range declared {
		if d == nil {
			return nil, errors.New("pull: a definition is nil")
		}
		if err := d.declare(c); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.events, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.module, b.module), cmp.Compare(a.command, b.command))
	})
	for i := range c.events {
		e := &c.events[i]
		var err error
		if e.params, err = c.types.Params(e.goType); err != nil {
			return nil, fmt.Errorf("pull: %s: %w", e.name(), err)
		}
	}
	c.named = c.types.Named()
	return c, nil
}

// add adds an event. The same definition may be there more than once.
func (c *catalog) add(module, command string, t reflect.Type) error {
	for _, e := range c.events {
		if e.module != module || e.command != command {
			continue
		}
		if e.goType != t {
			return fmt.Errorf("pull: %s is defined with params %s and %s", e.name(), e.goType, t)
		}
		return nil
	}
	c.events = append(c.events, entry{module: module, command: command, goType: t})
	return nil
}
