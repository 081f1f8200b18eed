package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestItAnswersEveryLine(t *testing.T) {
	model := os.Getenv("WKV7_MODEL")
	if model == "" {
		model = "../../../../tests/golden/stories.safetensors"
	}
	var said bytes.Buffer
	if err := chat(model, strings.NewReader("Hello.\nAgain.\n"), &said); err != nil {
		t.Fatal(err)
	}
	if answers := strings.Count(said.String(), "> "); answers < 3 || said.Len() < 100 {
		t.Fatalf("%d prompts: %q", answers, said.String())
	}
}
