//go:build unix

package webkittest

import "context"

// NewTab opens a tab, in which calls work from now on, and returns its name for [Browser.Use].
func (b *Browser) NewTab(ctx context.Context) (name string, err error) {
	var opened struct {
		Handle string `json:"handle"`
	}
	if err := b.call(ctx, "/window/new", map[string]any{"type": "tab"}, &opened); err != nil {
		return "", err
	}
	return opened.Handle, b.Use(ctx, opened.Handle)
}

// Tab returns the name of the tab in which calls work.
func (b *Browser) Tab(ctx context.Context) (name string, err error) {
	err = b.get(ctx, "/window", &name)
	return name, err
}

// Use makes calls work in a tab.
func (b *Browser) Use(ctx context.Context, name string) error {
	return b.call(ctx, "/window", map[string]any{"handle": name}, nil)
}
