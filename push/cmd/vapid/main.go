// Command vapid prints a new key pair for Web Push as two environment variables:
//
//	go run github.com/echo-pull/pull/push/cmd/vapid >> .env
//
// The private key is a secret.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/echo-pull/pull/push"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	keys, err := push.NewKeys()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "VAPID_PUBLIC_KEY=%s\nVAPID_PRIVATE_KEY=%s\n", keys.Public, keys.Private)
	return err
}
