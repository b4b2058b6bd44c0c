package conn

import (
	"net/http"
	"strings"
)

// deflateOffer is the header of a handshake that offers permessage-deflate. It is
// shared: never write to it.
var deflateOffer = []string{"permessage-deflate"} //nolint:gochecknoglobals // a constant

// offersDeflate reports whether a handshake offers permessage-deflate in a way
// that the server can accept, RFC 7692 section 7.1. gorilla would accept any
// offer, but a client that asks for a smaller window could not read the frames.
func offersDeflate(header http.Header) bool {
	for _, line := range header["Sec-Websocket-Extensions"] {
		for offer := range strings.SplitSeq(line, ",") {
			if isDeflateOffer(offer) {
				return true
			}
		}
	}
	return false
}

// isDeflateOffer reports whether the server can accept one offer. The server
// never needs more than the client's smallest window, and both sides begin each
// message anew, so that these parameters are welcome or without effect. It does
// not accept server_max_window_bits, nor what it does not know.
func isDeflateOffer(offer string) bool {
	name, params, _ := strings.Cut(offer, ";")
	if strings.TrimSpace(name) != deflateOffer[0] {
		return false
	}
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		key, _, _ := strings.Cut(param, "=")
		switch strings.TrimSpace(key) {
		case "server_no_context_takeover", "client_no_context_takeover", "client_max_window_bits":
		default:
			return false
		}
	}
	return true
}
