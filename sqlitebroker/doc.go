// Package sqlitebroker is the log of a single node in a SQLite file.
package sqlitebroker
