package push_test

import (
	"fmt"
	"testing"
)

// A push to one browser at a local service, with TLS, HTTP/2 and the store in
// memory. The service is in the same process, so its share is in the numbers.
func BenchmarkPush(b *testing.B) {
	s := newService(b)
	r := newRig(b, nil, s)
	r.subscribe(b, "ann", s.URL+"/ann")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := r.Push(b.Context(), "ann", note(fmt.Sprint("n", i))); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 0 {
			s.paths() // it would keep all of them
		}
	}
}
