package modeltest

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/event"
)

// A Plugin is what a node needs of the plugin for any Echo.
type Plugin interface {
	Send(ctx context.Context, t event.Target, e event.Event) error
	Watch() engine.Watches
	DisconnectSession(id string) error
	Shutdown(ctx context.Context) error
}

// Routes returns the routes of a node. app has those with an outbox:
//
//	POST /send  calls [Send]
//	GET  /page  responds with what [Page] returns
//	/pull       is where the plugin is mounted; its user is that of [UserHeader]
//
// The module is "tasks".
func Routes(p Plugin, app http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", app)
	mux.HandleFunc("POST /direct", func(w http.ResponseWriter, r *http.Request) {
		d := drawFrom(r).next()
		respond(w, p.Send(r.Context(), d.target, d.event("model")))
	})
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) { respond(w, repeatable(p, r)) })
	mux.HandleFunc("POST /end", func(w http.ResponseWriter, r *http.Request) {
		first, _ := strconv.ParseUint(r.FormValue("first"), 10, 64)
		d := draw{target: event.Shared(), params: params{Number: first, To: []term{{Shared: true}}}}
		respond(w, p.Send(r.Context(), d.target, d.event("end")))
	})
	mux.HandleFunc("POST /watch", func(w http.ResponseWriter, r *http.Request) {
		respond(w, p.Watch().Add(r.FormValue("user"), r.FormValue("tag")))
	})
	mux.HandleFunc("POST /unwatch", func(w http.ResponseWriter, r *http.Request) {
		respond(w, p.Watch().Delete(r.FormValue("user"), r.FormValue("tag")))
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		respond(w, p.DisconnectSession(r.FormValue("session")))
	})
	return mux
}

func respond(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Send sends the events that a request to /send asks for.
func Send(o *engine.Outbox, r *http.Request) error {
	from := drawFrom(r)
	for range from.events {
		d := from.next()
		e := d.event("model")
		if from.chance.IntN(5) == 0 {
			d.params.Sender = r.Header.Get(clientHeader)
			e.Params, e.ExceptSender = d.params, true
		}
		if err := o.Send(d.target, e); err != nil {
			return err
		}
	}
	return nil
}

// Page watches the tag that a request to /page asks for, and returns the page's
// cursor, a space, and the grant of another tag if the request asks for one.
func Page(o *engine.Outbox, r *http.Request, grant func(tags ...string) (string, error)) (content string, err error) {
	if tag := r.FormValue("watch"); tag != "" {
		if err := o.Watch(tag); err != nil {
			return "", err
		}
	}
	own := ""
	if tag := r.FormValue("grant"); tag != "" {
		if own, err = grant(tag); err != nil {
			return "", err
		}
	}
	return o.Cursor() + " " + own, nil
}

// drawFrom returns the events that the query of a request describes.
func drawFrom(r *http.Request) *source {
	query := r.URL.Query()
	number := func(name string) uint64 {
		n, _ := strconv.ParseUint(query.Get(name), 10, 64)
		return n
	}
	small := func(name string) int {
		n, _ := strconv.Atoi(query.Get(name))
		return n
	}
	return &source{
		chance: rand.New(rand.NewPCG(number("seed"), 0)),
		number: number("first"), events: small("events"),
		mix: Mix{small("users"), small("tags"), small("everyone")}.withDefaults(),
	}
}
