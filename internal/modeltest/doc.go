// Package modeltest is a model of an application and its pages, for the tests of
// the plugins and of the modules with logs.
//
// A [World] lives for a few seconds: pages of many users connect, read, break off
// and come back, while events are published, watches come and go, nodes end and
// the log has faults, all drawn at random. Afterwards the world compares what
// each page has received with the log: every event exactly once and in order, or
// a gap of which the page was notified.
//
// The model reads the log, the frames and the streams with code of its own. What
// it needs of the application are the routes of [Routes], which the test builds,
// because this package knows no Echo.
package modeltest
