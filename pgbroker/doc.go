// Package pgbroker keeps the log of pull in a PostgreSQL database.
package pgbroker
