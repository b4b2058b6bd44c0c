package peer

import (
	"net/http"

	"github.com/gorilla/websocket"
)

// gorillaPeer is a hub modelled on gorilla's chat example. For many receivers it
// uses a PreparedMessage, which encodes the frame once.
type gorillaPeer struct {
	*hub[gorillaFrame]
	upgrader websocket.Upgrader
}

// A gorillaFrame is one or the other: preparing does not pay for one receiver.
type gorillaFrame struct {
	prepared *websocket.PreparedMessage
	text     []byte
}

func newGorilla() (*gorillaPeer, error) {
	p := &gorillaPeer{upgrader: websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}}
	many := func(text []byte) (gorillaFrame, error) {
		prepared, err := websocket.NewPreparedMessage(websocket.TextMessage, text)
		return gorillaFrame{prepared: prepared}, err
	}
	p.hub = newHub(many, func(text []byte) (gorillaFrame, error) { return gorillaFrame{text: text}, nil })
	return p, nil
}

func (f gorillaFrame) write(conn *websocket.Conn) error {
	if f.prepared != nil {
		return conn.WritePreparedMessage(f.prepared)
	}
	return conn.WriteMessage(websocket.TextMessage, f.text)
}

func (p *gorillaPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := p.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	m, leave := p.join(r)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	}()
	defer conn.Close() //nolint:errcheck // the connection is over
	defer leave()
	for {
		select {
		case frame := <-m.frames:
			if frame.write(conn) != nil {
				return
			}
		case <-gone:
			return
		}
	}
}
