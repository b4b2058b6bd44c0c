// Package cluster tests applications on several nodes, and on one that is
// killed, with the logs on engines: the model of internal/modeltest on each of
// them, nodes that are processes, and what a node derives from the log. Package
// engines starts the engines.
package cluster
