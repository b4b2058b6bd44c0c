package typedtest

import (
	"encoding/json"
	"math/big"
	"reflect"
	"time"

	"github.com/echo-pull/pull/internal/typed"
	"github.com/echo-pull/pull/internal/typedtest/other"
)

// An Animal is an event with params of one of the types.
type Animal struct {
	Name  string // of the event
	Type  reflect.Type
	Event typed.Typed
}

func animal[T any](command string) Animal {
	return Animal{"zoo:" + command, reflect.TypeFor[T](), typed.Define[T]("zoo", command)}
}

// Zoo returns all animals.
func Zoo() []Animal {
	return []Animal{
		animal[Task]("task"), animal[int](`Say "hi" ~/ 50 %, дом & <b>\:`), animal[*Task]("task-pointer"), animal[[]Task]("tasks"), animal[map[string]Task]("task-map"),
		animal[other.Task]("other"), animal[Clash]("clash"), animal[Person]("person"), animal[Empty]("empty"),
		animal[Numbers]("numbers"), animal[Quoted]("quoted"), animal[Omitted]("omitted"), animal[Zeroes]("zeroes"),
		animal[Named]("named"), animal[Embedded]("embedded"), animal[*Embedded]("embedded-pointer"), animal[Conflict]("conflict"),
		animal[Tagged]("tagged"), animal[Deep]("deep"), animal[Twice]("twice"), animal[Loop]("loop"),
		animal[Tree]("tree"), animal[List]("list"), animal[Pair[string, int]]("pair"), animal[Pair[Task, []other.Task]]("pair-of-tasks"),
		animal[Page[Task]]("page"), animal[Page[*Pair[int, string]]]("page-of-pairs"), animal[Page[struct{ X int }]]("page-of-anonymous"),
		animal[Declared]("declared"), animal[Money]("money"), animal[*Money]("money-pointer"), animal[Maybe]("maybe"),
		animal[Node]("node"), animal[Shape]("shape"), animal[Set]("set"), animal[Texts]("texts"), animal[Level]("level"),
		animal[Times]("times"), animal[time.Time]("time"), animal[Bytes]("bytes"), animal[[]byte]("blob"), animal[Arrays]("arrays"),
		animal[Vector]("vector"), animal[Maps]("maps"), animal[Headers]("headers"), animal[Anything]("anything"), animal[any]("any"),
		animal[json.RawMessage]("raw"), animal[Anonymous]("anonymous"), animal[struct{ A, B int }]("inline"), animal[Pointers]("pointers"),
		animal[Event]("event"), animal[Record]("record"), animal[PullEvents]("events"), animal[lower]("lower"), animal[Größe]("size"),
		animal[Wide]("wide"), animal[Status]("status"), animal[Rank]("rank"), animal[Switch]("switch"), animal[ID]("id"),
		animal[string]("string"), animal[int]("int"), animal[int64]("int64"), animal[bool]("bool"), animal[float64]("float"),
		animal[[]*int]("pointers-list"), animal[map[Status][]Status]("statuses"), animal[[3]Status]("three"), animal[local]("local"),
	}
}

type local = struct {
	T Task
	U []struct{ L []Level }
}

// The values of the types that have few.
var (
	statuses = []Status{"open", "done", "", `"quoted" <b>`}
	ranks    = []Rank{-1, 0, 10}
	switches = []Switch{false, true}
	levels   = []Level{0, 1}
)

// Events returns the events of all animals, with what has to be declared of types.
func Events() []typed.Typed {
	events := []typed.Typed{
		typed.OneOf(statuses...), typed.OneOf(ranks...), typed.OneOf(switches...), typed.OneOf(levels...),
		typed.EncodedAs[Money, string](), typed.EncodedAs[Maybe, *string](), typed.EncodedAs[Node, NodeJSON](),
		typed.EncodedAs[Shape, Square](), typed.EncodedAs[Set, int](), typed.EncodedAs[*big.Int, json.Number](),
	}
	for _, a := range Zoo() {
		events = append(events, a.Event)
	}
	return events
}
