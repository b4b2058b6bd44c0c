package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/echo-pull/pull/push"
)

// at returns a subscription with an endpoint whose path ends as given.
func at(path string) push.Subscription {
	expires := 1.7976931348623e12
	return push.Subscription{
		Endpoint: "https://push.example/" + path, ExpirationTime: &expires,
		Keys: push.SubscriptionKeys{P256dh: "key of " + path, Auth: "secret & 'quoted' \"twice\" <é>"},
	}
}

func save(ctx context.Context, s push.Store, user string, paths ...string) error {
	for _, path := range paths {
		if err := s.Save(ctx, user, at(path)); err != nil {
			return fmt.Errorf("save %q for %q: %w", path, user, err)
		}
	}
	return nil
}

// want returns an error unless a user has the subscriptions with these paths.
func want(ctx context.Context, s push.Store, user string, paths ...string) error {
	got, err := s.Of(ctx, user)
	if err != nil {
		return err
	}
	var endpoints, wanted []string
	for _, subscription := range got {
		endpoints = append(endpoints, subscription.Endpoint)
	}
	for _, path := range paths {
		wanted = append(wanted, at(path).Endpoint)
	}
	slices.Sort(endpoints)
	slices.Sort(wanted)
	if !slices.Equal(endpoints, wanted) {
		return fmt.Errorf("%q has %q, want %q", user, endpoints, wanted)
	}
	return nil
}

func empty(ctx context.Context, s push.Store) error { return want(ctx, s, "nobody") }

func kept(ctx context.Context, s push.Store) error {
	if err := save(ctx, s, "ann", "1"); err != nil {
		return err
	}
	got, err := s.Of(ctx, "ann")
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got, []push.Subscription{at("1")}) {
		return fmt.Errorf("got %+v, want %+v", got, at("1"))
	}
	return nil
}

func savedTwice(ctx context.Context, s push.Store) error {
	if err := save(ctx, s, "ann", "1"); err != nil {
		return err
	}
	changed := at("1")
	changed.ExpirationTime, changed.Keys.Auth = nil, "another"
	if err := s.Save(ctx, "ann", changed); err != nil {
		return err
	}
	got, err := s.Of(ctx, "ann")
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got, []push.Subscription{changed}) {
		return fmt.Errorf("got %+v, want %+v", got, changed)
	}
	return nil
}

func moves(ctx context.Context, s push.Store) error {
	return errors.Join(
		save(ctx, s, "ann", "1", "2"),
		save(ctx, s, "bob", "1"),
		want(ctx, s, "ann", "2"),
		want(ctx, s, "bob", "1"))
}

func deleted(ctx context.Context, s push.Store) error {
	return errors.Join(
		save(ctx, s, "ann", "1", "2"),
		s.Delete(ctx, "ann", at("1").Endpoint),
		want(ctx, s, "ann", "2"))
}

func deletedByOthers(ctx context.Context, s push.Store) error {
	return errors.Join(
		save(ctx, s, "ann", "1"),
		s.Delete(ctx, "bob", at("1").Endpoint),
		s.Delete(ctx, "", at("1").Endpoint),
		s.Delete(ctx, "ann", at("2").Endpoint),
		want(ctx, s, "ann", "1"))
}

func similarEndpoints(ctx context.Context, s push.Store) error {
	long := strings.Repeat("x", 2<<10-len(at("").Endpoint)-1)
	return errors.Join(
		save(ctx, s, "ann", "abc", "abC", long+"1", long+"2"),
		want(ctx, s, "ann", "abc", "abC", long+"1", long+"2"),
		s.Delete(ctx, "ann", at("abC").Endpoint),
		s.Delete(ctx, "ann", at(long+"1").Endpoint),
		want(ctx, s, "ann", "abc", long+"2"))
}

func similarUsers(ctx context.Context, s push.Store) error {
	var errs []error
	similar := []string{"ann", "Ann", "ann ", "änn", "ａnn"}
	for _, user := range similar {
		errs = append(errs, save(ctx, s, user, user))
	}
	for _, user := range similar {
		errs = append(errs, want(ctx, s, user, user))
	}
	return errors.Join(errs...)
}

func oddUsers(ctx context.Context, s push.Store) error {
	var errs []error
	odd := []string{
		"'; DROP TABLE pull_push; --", `a"b\c`, "%", "$1", "?", "0", "null", "Ω≈ç√", "🙂",
		strings.Repeat("u", 255), strings.Repeat("🙂", 63),
	}
	for i, user := range odd {
		errs = append(errs, save(ctx, s, user, strconv.Itoa(i)), want(ctx, s, user, strconv.Itoa(i)))
	}
	return errors.Join(errs...)
}

func bounded(ctx context.Context, s push.Store) error {
	var paths []string
	for i := range push.MaxDevices {
		paths = append(paths, strconv.Itoa(i))
	}
	if err := save(ctx, s, "ann", paths...); err != nil {
		return err
	}
	for i, path := range paths { // all but 7, in an order other than that of saving
		if i != 7 {
			if err := s.Seen(ctx, at(path).Endpoint, time.Now().Add(time.Duration(100-i)*24*time.Hour)); err != nil {
				return err
			}
		}
	}
	paths = append(slices.Delete(paths, 7, 8), "new")
	if err := errors.Join(save(ctx, s, "ann", "new"), want(ctx, s, "ann", paths...)); err != nil {
		return err
	}
	// Now the new one is the least recently seen, but the next one is newer.
	paths[len(paths)-1] = "newer"
	return errors.Join(save(ctx, s, "ann", "newer", "newer"), want(ctx, s, "ann", paths...))
}

func boundedAlone(ctx context.Context, s push.Store) error {
	var paths []string
	for i := range push.MaxDevices {
		paths = append(paths, strconv.Itoa(i))
	}
	return errors.Join(
		save(ctx, s, "ann", "a", "b"),
		save(ctx, s, "bob", paths...),
		save(ctx, s, "bob", "b"),
		want(ctx, s, "ann", "a"))
}

func seenUnknown(ctx context.Context, s push.Store) error {
	return errors.Join(s.Seen(ctx, at("1").Endpoint, time.Now()), want(ctx, s, ""))
}

func parallelMoves(ctx context.Context, s push.Store) error {
	const callers = 8
	err := together(callers, func(i int) error { return save(ctx, s, fmt.Sprint("user", i), "1") })
	owners := 0
	for i := range callers {
		got, of := s.Of(ctx, fmt.Sprint("user", i))
		err = errors.Join(err, of)
		owners += len(got)
	}
	if owners != 1 {
		err = errors.Join(err, fmt.Errorf("%d users have it", owners))
	}
	return err
}

func parallelCalls(ctx context.Context, s push.Store) error {
	return together(8, func(i int) error {
		user := fmt.Sprint("user", i/2)
		var errs []error
		for round := range 10 {
			path := fmt.Sprint(i, "/", round)
			errs = append(errs, save(ctx, s, user, path), s.Seen(ctx, at(path).Endpoint, time.Now().Add(2*time.Hour)))
			if lister, lists := s.(push.Lister); lists {
				_, err := lister.Users(ctx, "", 10)
				errs = append(errs, err)
			}
			_, err := s.Of(ctx, user)
			errs = append(errs, err, s.Delete(ctx, user, at(path).Endpoint))
		}
		return errors.Join(append(errs, want(ctx, s, fmt.Sprint("nobody", i)))...)
	})
}

func together(callers int, call func(i int) error) error {
	errs := make([]error, callers)
	var running sync.WaitGroup
	for i := range errs {
		running.Go(func() { errs[i] = call(i) })
	}
	running.Wait()
	return errors.Join(errs...)
}

func users(ctx context.Context, s push.Store) error {
	sorted := []string{"10", "9", "Bob", "ann", "bob", "bob ", "ä", "🙂"}
	for i, user := range slices.Backward(sorted) {
		if err := save(ctx, s, user, strconv.Itoa(i), fmt.Sprint(i, "b")); err != nil {
			return err
		}
	}
	for _, limit := range []int{1, 3, 100} {
		got, err := pages(ctx, s.(push.Lister), limit, len(sorted)+1)
		if err != nil {
			return err
		}
		if !slices.Equal(got, sorted) {
			return fmt.Errorf("by %d: %q, want %q", limit, got, sorted)
		}
	}
	return nil
}

// pages lists users page by page, up to about most.
func pages(ctx context.Context, s push.Lister, limit, most int) ([]string, error) {
	var all []string
	for after := ""; len(all) <= most; after = all[len(all)-1] {
		page, err := s.Users(ctx, after, limit)
		if err != nil || len(page) == 0 {
			return all, err
		}
		if len(page) > limit {
			return nil, fmt.Errorf("%d users, want up to %d", len(page), limit)
		}
		all = append(all, page...)
	}
	return all, nil
}

func noUsers(ctx context.Context, s push.Store) error {
	err := errors.Join(
		save(ctx, s, "ann", "1"),
		save(ctx, s, "bob", "2"),
		s.Delete(ctx, "ann", at("1").Endpoint),
		save(ctx, s, "cy", "2"))
	if err != nil {
		return err
	}
	if got, err := s.(push.Lister).Users(ctx, "", 10); err != nil || !slices.Equal(got, []string{"cy"}) {
		return fmt.Errorf("got %q, %w, want cy", got, err)
	}
	return nil
}
