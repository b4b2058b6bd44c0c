package typedtest

import (
	"bytes"
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strconv"
	"time"
)

// JSON returns the params of a random event of the animal, as pull sends them.
func (a Animal) JSON(random *rand.Rand) (json.RawMessage, error) {
	value := reflect.New(a.Type).Elem()
	fill(random, value, 4)
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(value.Interface()); err != nil {
		return nil, err
	}
	if params := bytes.TrimSpace(text.Bytes()); string(params) != "null" {
		return params, nil
	}
	return json.RawMessage("{}"), nil
}

// fill sets a value, with at most so many levels below it.
func fill(random *rand.Rand, v reflect.Value, depth int) {
	if value := special(random, v.Type()); value != nil {
		v.Set(reflect.ValueOf(value))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(random.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(random.Uint64() >> random.IntN(64)))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(random.Uint64() >> random.IntN(64))
	case reflect.Float32, reflect.Float64:
		v.SetFloat([]float64{0, 1, -2.5, 1e30, 1e-9}[random.IntN(5)])
	case reflect.String:
		v.SetString([]string{"", "a", "Grüße <b>&amp;\u2028", `\"`, "\x00\xff"}[random.IntN(5)])
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Field(i); field.CanSet() {
				fill(random, field, depth-1)
			} else if v.Type().Field(i).Anonymous && field.Kind() == reflect.Struct { // its exported fields can be set
				fill(random, field, depth-1)
			}
		}
	case reflect.Array:
		fillAll(random, v, depth)
	default:
		if depth > 0 && random.IntN(3) > 0 {
			fillNil(random, v, depth)
		}
	}
}

func fillAll(random *rand.Rand, v reflect.Value, depth int) {
	for i := range v.Len() {
		fill(random, v.Index(i), depth-1)
	}
}

// fillNil sets a value that can be nil.
func fillNil(random *rand.Rand, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(random, v.Elem(), depth-1)
	case reflect.Slice:
		n := random.IntN(4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		fillAll(random, v, depth)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range random.IntN(4) {
			key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(random, key, depth-1)
			fill(random, elem, depth-1)
			v.SetMapIndex(key, elem)
		}
	default: // functions and channels are not encoded
	}
}

// special returns a random value of a type that not any value fits, or nil.
func special(random *rand.Rand, t reflect.Type) any {
	n := random.IntN(100)
	switch reflect.Zero(t).Interface().(type) {
	case Status:
		return statuses[n%len(statuses)]
	case Rank:
		return ranks[n%len(ranks)]
	case Switch:
		return switches[n%len(switches)]
	case Level:
		return levels[n%len(levels)]
	case Money:
		return Money{n}
	case Maybe:
		return Maybe{[]string{"", "text"}[n%2]}
	case Node:
		return Node{make([]Node, n%3)}
	case json.Number:
		return json.Number(strconv.Itoa(n))
	case json.RawMessage:
		return []json.RawMessage{nil, json.RawMessage(`{"a":[1,null]}`), json.RawMessage("1")}[n%3]
	case time.Time:
		return time.Unix(int64(n)*1e8, int64(n)).UTC()
	case netip.Addr:
		return netip.AddrFrom4([4]byte{byte(n)})
	case netip.Prefix:
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n)}), 8)
	case big.Int:
		return *big.NewInt(int64(n))
	case big.Float:
		return *big.NewFloat(float64(n) / 8)
	}
	if n%2 == 0 {
		return nil
	}
	switch t {
	case reflect.TypeFor[Shape]():
		return Square{n}
	case reflect.TypeFor[any]():
		return []any{1.5, "text", true, map[string]any{"a": nil}, []any{}}[n%5]
	}
	return nil
}
