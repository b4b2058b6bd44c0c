package typed_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/schema"
	"github.com/echo-pull/pull/internal/typed"
)

type (
	Wait    struct{ For time.Duration }
	Raw     struct{ Body json.RawMessage }
	Point   struct{ X int }
	Parity  int
	Halves  struct{ Half *Parity }
	Self    []Self
	SelfMap map[string]SelfMap
	SelfTwo [2]*SelfTwo
	unseen  struct{ Q int }
	Key     struct{ A int }
	Nested  struct {
		*unseen
		None  [0]int
		Keys  map[Key]int
		Small map[int8]string
		IPs   map[netip.Addr]*netip.Addr
		Texts map[encoding.TextMarshaler]int
		List  Self
		Map   SelfMap
		Two   SelfTwo
		Error error
	}
	Names struct {
		A int `json:"class"`
		B int `json:"a-b"`
		C int `json:"日本"`
		D int `json:"*/"`
		G int `json:"${x}"`
		H int `json:"__proto__"`
	}
)

func (Key) MarshalText() ([]byte, error) { return nil, nil }

func (p *Parity) MarshalText() ([]byte, error) { return fmt.Append(nil, "odd"[:*p]), nil }

func TestOddTypesAreDescribed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		events []typed.Typed
		want   string
	}{
		{"values of a duration", []typed.Typed{typed.Define[Wait]("a", "b"), typed.OneOf(time.Second, time.Minute)}, "export type Duration = 1000000000 | 60000000000"},
		{"what a raw message is", []typed.Typed{typed.Define[Raw]("a", "b"), typed.EncodedAs[json.RawMessage, Point]()}, "  Body: Point\n"},
		{"values that their pointer encodes", []typed.Typed{typed.Define[Halves]("a", "b"), typed.OneOf[Parity](1, 2)}, `export type Parity = "o" | "od"`},
		{"types", []typed.Typed{typed.Define[Nested]("a", "b")}, `interface Nested {
  Q?: number
  None: []
  Keys: { [key: string]: number } | null
  Small: { [key: string]: string } | null
  IPs: { [key: string]: string | null } | null
  Texts: { [key: string]: number } | null
  List: Self | null
  Map: SelfMap | null
  Two: SelfTwo
  Error: unknown
}

export type Self = (Self | null)[]

export type SelfMap = { [key: string]: SelfMap | null }

export type SelfTwo = [SelfTwo | null, SelfTwo | null]
`},
		{"names", []typed.Typed{typed.Define[Names]("a", "b")}, `interface Names {
  class: number
  "a-b": number
  "日本": number
  "*/": number
  "${x}": number
  __proto__: number
}
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := typeScript(t, test.events...); !strings.Contains(got, test.want) {
				t.Errorf("got\n%s\nwant in it\n%s", got, test.want)
			}
		})
	}
}

// Types whose names differ only beyond ASCII.
type (
	É    struct{ A int }
	_c9  struct{ B int }
	Both struct {
		É
		C É
		D _c9
	}
)

func TestSchemasOfDifferentTypesHaveDifferentIDs(t *testing.T) {
	t.Parallel()
	doc := asyncAPI(t, typed.Define[Both]("a", "b"))

	if got := doc.at("components", "schemas"); len(got) != 3 {
		t.Errorf("got %d schemas, want 3: %v", len(got), got)
	}
}

// Ten thousand members take no more than their share.
func TestManyMembersAreDescribed(t *testing.T) {
	t.Parallel()
	fields := make([]reflect.StructField, 10_000)
	for i := range fields {
		fields[i] = reflect.StructField{Name: fmt.Sprint("F", i), Type: reflect.TypeFor[*int]()}
	}

	params, err := schema.NewSet().Params(reflect.StructOf(fields))

	if err != nil || len(params.Fields) != len(fields) || params.Fields[9999].Name != "F9999" {
		t.Errorf("got %d members and %v, want %d", len(params.Fields), err, len(fields))
	}
}
