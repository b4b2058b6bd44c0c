package typedtest

import (
	"encoding/json"
	"math/rand/v2"
)

// Values returns some random params of each event, by its name.
func Values(random *rand.Rand, each int) (map[string][]json.RawMessage, error) {
	values := map[string][]json.RawMessage{}
	for _, a := range Zoo() {
		for range each {
			text, err := a.JSON(random)
			if err != nil {
				return nil, err
			}
			values[a.Name] = append(values[a.Name], text)
		}
	}
	return values, nil
}

// Wrong returns params that no value of the type of an event is encoded as.
func Wrong() map[string][]json.RawMessage {
	raw := func(texts ...string) []json.RawMessage {
		all := make([]json.RawMessage, len(texts))
		for i, text := range texts {
			all[i] = json.RawMessage(text)
		}
		return all
	}
	return map[string][]json.RawMessage{
		"zoo:task":      raw(`{}`, `null`, `[]`, `{"id":1,"title":"","assignee":null,"labels":null,"status":"open","rank":0}`),
		"zoo:tasks":     raw(`null`, `[null]`, `{"a":1}`),
		"zoo:person":    raw(`{"Name":"a"}`, `{"Name":"a","Mail":null}`),
		"zoo:status":    raw(`"closed"`, `1`, `null`),
		"zoo:rank":      raw(`1`, `"0"`),
		"zoo:vector":    raw(`[1,2]`, `[1,2,3,4]`, `["a",1,2]`),
		"zoo:statuses":  raw(`{"a":["closed"]}`, `{"a":[null]}`),
		"zoo:page":      raw(`{"items":null,"next":null}`, `{"next":{"items":null}}`),
		"zoo:tree":      raw(`{"a":1}`, `{"a":{"b":1}}`),
		"zoo:money":     raw(`1`, `null`),
		"zoo:bool":      raw(`0`, `"true"`),
		"zoo:id":        raw(`1`),
		"zoo:int":       raw(`"1"`, `null`),
		"zoo:time":      raw(`1`),
		"zoo:times":     raw(`{"At":"2026-01-02T03:04:05Z","Ptr":null,"Maybe":null,"For":1}`),
		"zoo:record":    raw(`{"X":{"Node":1,"Array":""}}`),
		"zoo:anonymous": raw(`{"in":{"B":[{}]},"P":null}`),
		"zoo:empty":     raw(`1`),
	}
}
