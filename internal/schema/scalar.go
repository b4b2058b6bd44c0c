package schema

import (
	"encoding/json"
	"reflect"
	"time"
)

const rounded = "An int64: JavaScript rounds it beyond 2^53."

// special are the types that encoding/json writes in a way of their own.
//
//nolint:gochecknoglobals // a constant
var special = map[reflect.Type]Type{
	reflect.TypeFor[time.Time]():       {Kind: String, Format: DateTime},
	reflect.TypeFor[time.Duration]():   {Kind: Integer, Note: "Nanoseconds."},
	reflect.TypeFor[json.Number]():     {Kind: Number},
	reflect.TypeFor[json.RawMessage](): {Kind: Unknown},
}

// scalar returns a type of one of Go's scalars.
func scalar(t reflect.Type) Type {
	switch t.Kind() {
	case reflect.Bool:
		return Type{Kind: Boolean}
	case reflect.String:
		return Type{Kind: String}
	case reflect.Float32, reflect.Float64:
		return Type{Kind: Number}
	case reflect.Int64:
		return Type{Kind: Integer, Note: rounded}
	case reflect.Uint64:
		return Type{Kind: Integer, Note: "A u" + rounded[len("An "):]}
	default:
		return Type{Kind: Integer}
	}
}
