package modeltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// UserHeader is the request header that names the user. Config.User of a node
// returns it.
const UserHeader = "X-User"

// A Node is one process of the application, as pages and operators see it.
type Node struct {
	Scheme string // "http" or "https"
	Client *http.Client
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)

	// Operator makes the requests of those who run the application; see [Routes].
	Operator *http.Client

	Stop  func() error // ends the node as planned
	Crash func()       // ends it like kill −9
}

// get returns the body of a response with status 200.
func (n *Node) get(path string, header http.Header) (string, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, n.Scheme+"://app.test"+path, nil)
	if err != nil {
		return "", err
	}
	r.Header = header
	response, err := n.Client.Do(r)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", response.Status, body))
	}
	return string(body), err
}

// send makes a request of a page to /send.
func (n *Node) send(query string, header http.Header) error {
	return n.post(n.Client, "/send?"+query, header)
}

// operate makes a request that no page makes.
func (n *Node) operate(path string) error { return n.post(n.Operator, path, http.Header{}) }

// post returns an error unless the status of the response is 204.
func (n *Node) post(client *http.Client, path string, header http.Header) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, n.Scheme+"://app.test"+path, nil)
	if err != nil {
		return err
	}
	r.Header = header
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if response.StatusCode != http.StatusNoContent {
		err = errors.Join(err, fmt.Errorf("%s: %s", response.Status, body))
	}
	return err
}
