package push

import (
	"strings"
	"testing"
)

func TestNewKeysDifferAndBelongTogether(t *testing.T) {
	t.Parallel()
	seen := map[Keys]bool{}
	for range 20 {
		keys, err := NewKeys()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.signer(); err != nil || seen[keys] || len(keys.Public) != 87 || len(keys.Private) != 43 {
			t.Errorf("%+v: %v", keys, err)
		}
		seen[keys] = true
	}
}

// The key pair of the sender in RFC 8291.
func TestKeysOfOthersAreAccepted(t *testing.T) {
	t.Parallel()
	keys := Keys{
		Public:  "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
		Private: "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
	}
	if _, err := keys.signer(); err != nil {
		t.Error(err)
	}
}

func TestWrongKeysAreRefusedAndNotShown(t *testing.T) {
	t.Parallel()
	good, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]Keys{
		"none":              {},
		"no private key":    {Public: good.Public},
		"no public key":     {Private: good.Private},
		"another's":         {Public: other.Public, Private: good.Private},
		"exchanged":         {Public: good.Private, Private: good.Public},
		"padded":            {Public: good.Public + "=", Private: good.Private},
		"base64":            {Public: good.Public[:80] + "+/+/+/+", Private: good.Private},
		"zero":              {Public: good.Public, Private: strings.Repeat("A", 43)},
		"above the order":   {Public: good.Public, Private: strings.Repeat("_", 42) + "8"},
		"not on the curve":  {Public: "BA" + strings.Repeat("A", 85), Private: good.Private},
		"with a line break": {Public: good.Public, Private: good.Private + "\n!"},
	} {
		_, err := keys.signer()
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), good.Private) {
			t.Errorf("%s: the error shows the private key: %v", name, err)
		}
	}
}
