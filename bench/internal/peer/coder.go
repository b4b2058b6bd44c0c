package peer

import (
	"net/http"

	"github.com/coder/websocket"
)

// coderPeer is a hub modelled on coder/websocket's chat example.
type coderPeer struct {
	*hub[[]byte]
}

func newCoder() (*coderPeer, error) {
	same := func(text []byte) ([]byte, error) { return text, nil }
	return &coderPeer{hub: newHub(same, same)}, nil
}

func (p *coderPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow() //nolint:errcheck // the connection is over
	m, leave := p.join(r)
	defer leave()

	ctx := conn.CloseRead(r.Context())
	for {
		select {
		case text := <-m.frames:
			if conn.Write(ctx, websocket.MessageText, text) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
