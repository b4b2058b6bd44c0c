package engine

import (
	"context"
	"net/http"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/fragment"
)

// Render renders a fragment of HTML, once, and collects it for the pages at the target,
// as Send collects an event. Pages show it with the client's pull-html.mjs, or with the
// client of htmx or Datastar. No module has to be registered for it.
//
// If anything is wrong with the fragment, Render collects nothing and returns the error
// of the component, an error for a malformed selector, swap, version or HTML,
// [ErrTooLarge] for HTML of more than Config.EventBytes, or the same errors as Send. A
// panic of the component continues.
//
// Others see what is rendered here. So the context that the component gets has no
// values of the request, such as its user or a token for its forms, unless the target is
// User with only the id of the request's own user; then it has all of them. It has the
// deadline of the request's context, but does not end when the client leaves: the change
// that the fragment shows has happened.
func (o *Outbox) Render(t event.Target, f fragment.Fragment) error {
	if o == nil {
		return ErrNoOutbox
	}
	e, err := o.render(&t, &f)
	if err != nil {
		return err
	}
	return o.Send(t, e)
}

// RenderTx is Render for a fragment that leaves with a transaction of the application,
// see SendTx.
func (o *Outbox) RenderTx(tx broker.Tx, t event.Target, f fragment.Fragment) error {
	if o == nil {
		return ErrNoOutbox
	}
	e, err := o.render(&t, &f)
	if err != nil {
		return err
	}
	return o.SendTx(tx, t, e)
}

// Render renders a fragment and sends it, outside a request, such as in a cron job. It
// returns the same errors as [Outbox.Render] and [Plugin.Send]. The component gets ctx,
// without the values if it is that of a request.
func (e *Engine) Render(ctx context.Context, t event.Target, f fragment.Fragment) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ev, err := e.render(withoutRequest(ctx), &f)
	if err != nil {
		return err
	}
	return e.Send(ctx, t, ev)
}

// render returns the event with a fragment.
func (e *Engine) render(ctx context.Context, f *fragment.Fragment) (event.Event, error) {
	params, err := fragment.Render(ctx, f, e.config.EventBytes)
	if err != nil {
		return event.Event{}, err
	}
	return event.Render(params, f.Key), nil
}

// render is Engine.render in the context of the request, or in what others may see of
// it.
func (o *Outbox) render(t *event.Target, f *fragment.Fragment) (event.Event, error) {
	ctx, err := o.requestContext()
	if err != nil {
		return event.Event{}, err
	}
	ctx, cancel := withoutClient(ctx)
	defer cancel()
	if !o.isForOwnUser(t) {
		ctx = bare{ctx}
	}
	return o.engine.render(ctx, f)
}

// withoutClient returns the context of a request without its end when the client leaves,
// but with its deadline.
func withoutClient(ctx context.Context) (context.Context, context.CancelFunc) {
	lasting := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(lasting, deadline)
	}
	return lasting, func() {}
}

// requestContext returns the context of the request with what middleware has added to
// it. After the request its framework's context may serve another one.
func (o *Outbox) requestContext() (context.Context, error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	if o.hasEnded() {
		return nil, ErrTooLate
	}
	if r, ok := o.request.(interface{ Request() *http.Request }); ok {
		return r.Request().Context(), nil
	}
	return (*Scope)(o), nil
}

// isForOwnUser reports whether a target is nobody but the user of the request.
func (o *Outbox) isForOwnUser(t *event.Target) bool {
	id, one := event.OnlyUser(t)
	if !one {
		return false
	}
	user, err := (*Scope)(o).currentUser()
	return err == nil && user == id
}

// withoutRequest returns ctx, without its values if it belongs to a request.
func withoutRequest(ctx context.Context) context.Context {
	if From(ctx) != nil {
		return bare{ctx}
	}
	return ctx
}

// A bare context has no values.
type bare struct{ context.Context } //nolint:containedctx // it is one

// Value implements [context.Context].
func (bare) Value(any) any { return nil }
