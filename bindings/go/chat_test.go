package wkv7_test

import (
	"errors"
	"strings"
	"testing"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func TestAConversationBecomesText(t *testing.T) {
	chat := wkv7.Chat{Think: "off"}
	whole, err := chat.Render([]wkv7.Message{
		{Role: wkv7.RoleSystem, Text: "Be brief."},
		{Role: wkv7.RoleUser, Text: "What is a goose?"},
	})
	must(t, err)
	if !strings.Contains(whole, "User: What is a goose?") || !strings.Contains(whole, "Be brief.") {
		t.Fatalf("%q", whole)
	}
	turn, err := chat.Turn(wkv7.Message{Role: wkv7.RoleUser, Text: "And a duck?"})
	must(t, err)
	if !strings.Contains(turn, "And a duck?") || strings.Contains(turn, "goose") {
		t.Fatalf("%q", turn)
	}
	stops, err := chat.Stops()
	must(t, err)
	if len(stops) == 0 {
		t.Fatal("no stop text")
	}
	answer, err := wkv7.Chat{Think: "think"}.Answer(" a bird</think>\nA bird.")
	must(t, err)
	equal(t, answer, "A bird.")
	if _, err := (wkv7.Chat{Family: "parrot"}).Render(nil); !errors.Is(err, wkv7.StatusArgument) {
		t.Fatalf("%v", err)
	}
}
