// Package e2e tests pull in a real browser: headless Chromium with the pages of
// the example, whose program runs as a process of its own, and with pages of a
// small application inside the test, whose network and server can be made to
// fail. It is a module of its own, so that its requirements are nobody else's.
package e2e
