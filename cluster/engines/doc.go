// Package engines starts the engines that a log can be kept in, and lets faults
// happen to them, for the tests of cluster and the benchmarks of bench.
//
// Call [Main] first in TestMain: servers that are Go modules run in a process that
// is the test program, started again.
package engines
