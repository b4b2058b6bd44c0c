package publication

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"
)

// The OpenAPI document has the fields that are read, and no others.
func TestDocumentHasEveryField(t *testing.T) {
	content, err := os.ReadFile("../../docs/publish.openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	var line map[string]map[string]any // see TestEveryFieldIsRead
	if err := json.Unmarshal([]byte(full), &line); err != nil {
		t.Fatal(err)
	}
	push, _ := line["event"]["push"].(map[string]any)
	for schema, object := range map[string]map[string]any{"Target": line["target"], "Event": line["event"], "Push": push} {
		got, want := slices.Sorted(maps.Keys(document.Components.Schemas[schema].Properties)), slices.Sorted(maps.Keys(object))
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", schema, got, want)
		}
	}
}
