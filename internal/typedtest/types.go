// Package typedtest has a zoo of Go types, with events that have them as params, and
// random values of them.
package typedtest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/netip"
	"time"

	"github.com/echo-pull/pull/internal/typedtest/other"
)

// The types of the zoo. Each has something that another one has not.
type (
	// Task is an ordinary struct.
	Task struct {
		ID       string   `json:"id"`
		Title    string   `json:"title"`
		Done     bool     `json:"done,omitempty"`
		Assignee *Person  `json:"assignee"`
		Author   *Person  `json:"author,omitempty"`
		Labels   []string `json:"labels"`
		Subtasks []Task   `json:"subtasks,omitempty"`
		Status   Status   `json:"status"`
		Rank     Rank     `json:"rank"`
		hidden   func()
		Skipped  chan int `json:"-"`
	}

	Person struct{ Name, Mail string }

	Status string
	Rank   int
	Switch bool
	ID     string

	// Level is encoded by MarshalText.
	Level int

	Numbers struct {
		A int
		B int8
		C int16
		D int32
		E int64
		F uint
		G uint8
		H uint16
		I uint32
		J uint64
		K uintptr
		L float32
		M float64
		N json.Number
		O time.Duration
	}

	Quoted struct {
		A int             `json:",string"`
		B *int64          `json:"b,string"`
		C bool            `json:",string,omitempty"`
		D string          `json:",string"`
		E float64         `json:",string"`
		F Status          `json:",string"`
		G *Rank           `json:",string"`
		H json.Number     `json:",string"`
		I Level           `json:",string"`
		J []int           `json:",string"`
		K map[string]bool `json:",string"`
		L time.Duration   `json:",string"`
	}

	Omitted struct {
		A string         `json:",omitempty"`
		B []int          `json:",omitempty"`
		C map[string]int `json:",omitempty"`
		D *int           `json:",omitempty"`
		E **int          `json:",omitempty"`
		F any            `json:",omitempty"`
		G Person         `json:",omitempty"`
		H [0]int         `json:",omitempty"`
		I [2]int         `json:",omitempty"`
		J time.Time      `json:",omitempty"`
		K *[]int         `json:",omitempty"`
		L []byte         `json:",omitempty"`
	}

	Zeroes struct {
		A string         `json:",omitzero"`
		B []int          `json:",omitzero"`
		C map[string]int `json:",omitzero"`
		D *int           `json:",omitzero"`
		E **int          `json:",omitzero"`
		F any            `json:",omitzero"`
		G Person         `json:",omitzero"`
		I [2]int         `json:",omitzero"`
		J time.Time      `json:",omitzero"`
		K Never          `json:",omitzero"`
		L *Never         `json:",omitzero"`
		M Never          `json:",omitempty,omitzero"`
		N *Money         `json:",omitzero"`
	}

	// Never is never zero, as its method says.
	Never []int

	Named struct {
		A int `json:"with space"`
		B int `json:"-,"`
		C int `json:"<b>&"`
		D int `json:"ünï"`
		E int `json:"bad\"name"`
		F int `json:"class"`
		G int `json:"0"`
		H int `json:"$h"`
		I int `json:"__proto__x"`
		ß int
		Ä int
	}

	base struct {
		Base   string
		Shared string `json:"shared"`
	}
	Left   struct{ Both, L string }
	Right  struct{ Both, R string }
	Deep   struct{ Middle }
	Middle struct {
		base
		Task int
	}

	Embedded struct {
		base
		*Left
		Right
		Own    int
		Shared int `json:"shared"`
	}
	Conflict struct {
		Left
		Right
	}
	Tagged struct {
		base  `json:"base"`
		*Left `json:"left,omitempty"`
		Status
	}
	Twice struct {
		*DeepA
		*DeepB
	}
	DeepA struct{ Person }
	DeepB struct{ Person }
	Loop  struct {
		*Loop
		Name string
	}

	Tree           map[string]Tree
	List           []List
	Pair[K, V any] struct {
		Key   K
		Value V
	}
	Page[T any] struct {
		Items []T      `json:"items"`
		Next  *Page[T] `json:"next,omitempty"`
	}

	// Money is encoded by MarshalJSON.
	Money struct{ cents int }
	// Maybe is encoded as null or a string.
	Maybe struct{ text string }
	// Node is encoded as a list that contains nodes.
	Node struct{ kids []Node }
	// NodeJSON is what a Node is encoded as.
	NodeJSON struct{ Kids []Node }
	// Shape is an interface.
	Shape  interface{ area() int }
	Square struct{ Side int }
	// Set is a map with a MarshalJSON of its own.
	Set map[string]bool

	Declared struct {
		Money    Money
		Price    *Money `json:"price,omitempty"`
		Maybe    Maybe
		MaybePtr *Maybe `json:",omitempty"`
		Set      Set
		SetOmit  Set `json:",omitempty"`
		Shape    Shape
		Big      *big.Int
		BigList  []big.Int
		Node     Node
		Level    Level
		Levels   map[Level]int
	}

	Texts struct {
		Addr   netip.Addr
		Ptr    *netip.Addr
		Prefix []netip.Prefix
		Float  *big.Float
	}

	Times struct {
		At    time.Time
		Ptr   *time.Time
		Maybe *time.Time `json:",omitempty"`
		For   time.Duration
	}

	Bytes struct {
		A []byte
		B Blob
		C [3]byte
		D [][]byte
		E []Octet
		F *[]byte
	}
	Blob  []byte
	Octet uint8

	Arrays struct {
		Point [2]float64
		None  [0]string
		Long  [9]int
		Grid  [2][2]*int
		Named Vector
	}
	Vector [3]float32

	Maps struct {
		A map[int]string
		B map[Status]*int
		C map[netip.Addr]bool
		D map[string][]string
		E map[string]map[string]any
		F map[uint8]struct{}
		G Headers
	}
	Headers map[string][]string

	Anything struct {
		A any
		B json.RawMessage
		C *json.RawMessage `json:",omitempty"`
		D []any
		E fmt.Stringer
		F *any
		G error `json:"-"`
	}

	Anonymous struct {
		In struct {
			A int `json:"a,omitempty"`
			B []struct{ C int64 }
		} `json:"in"`
		P *struct{ X, Y int }
	}

	Pointers struct {
		A *int
		B **int
		C *[]*int
		D *map[string]*Task
		E []*Task
		F Pointer
	}
	Pointer *Person

	Clash struct {
		Mine   Task
		Theirs other.Task
		A      Page[Task]
		B      Page[other.Task]
		C      other.Page[int]
	}

	// Event and the next ones have names of the browser, or of TypeScript.
	Event      struct{ Node, Array string }
	Record     struct{ X Event }
	PullEvents struct{ Y int }
	lower      struct{ Array Array }
	Array      []int
	Größe      struct{ Maß int }

	Wide struct {
		IDs  []int64
		Map  map[string]uint64
		Last Big
	}
	Big int64

	Empty struct{}
)

// MarshalText implements [encoding.TextMarshaler].
func (l Level) MarshalText() ([]byte, error) { return []byte([]string{"low", "high"}[l&1]), nil }

// IsZero reports false.
func (n Never) IsZero() bool { return false }

// MarshalJSON implements [json.Marshaler].
func (m Money) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `"%d.00"`, m.cents), nil }

// MarshalJSON implements [json.Marshaler].
func (m Maybe) MarshalJSON() ([]byte, error) {
	if m.text == "" {
		return []byte("null"), nil
	}
	return json.Marshal(m.text)
}

// MarshalJSON implements [json.Marshaler].
func (n Node) MarshalJSON() ([]byte, error) { return json.Marshal(NodeJSON{n.kids}) }

// MarshalJSON implements [json.Marshaler].
func (s Set) MarshalJSON() ([]byte, error) { return json.Marshal(len(s)) }

func (s Square) area() int { return s.Side * s.Side }
