// Package e2e tests pull in a real browser. Headless Chromium opens the pages of
// the example, which runs as a separate process, and the pages of a small
// application inside the tests, whose network and server can be made to fail. It
// is a separate module, so that no other module inherits its requirements.
package e2e
