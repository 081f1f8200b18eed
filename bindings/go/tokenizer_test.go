package wkv7_test

import (
	"errors"
	"testing"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func world(t *testing.T) *wkv7.Tokenizer {
	t.Helper()
	tokenizer, err := wkv7.OpenTokenizer("world")
	must(t, err)
	t.Cleanup(tokenizer.Close)
	return tokenizer
}

func TestTextBecomesTokensAndText(t *testing.T) {
	tokenizer := world(t)
	for _, text := range []string{"", "Hello, world!", "naïve 東京 🪿", "a\x00b"} {
		tokens, err := tokenizer.Encode(text)
		must(t, err)
		bytes, err := tokenizer.Decode(tokens)
		must(t, err)
		equal(t, string(bytes), text)
	}
	size, err := tokenizer.Size()
	must(t, err)
	equal(t, size, 65530)
	end, err := tokenizer.EndOfText()
	must(t, err)
	equal(t, end, 0)
	none, err := tokenizer.Token(0)
	must(t, err)
	equal(t, len(none), 0)
	a, err := tokenizer.Token('a' + 1)
	must(t, err)
	equal(t, string(a), "a")
	if _, err := tokenizer.Token(1 << 30); !errors.Is(err, wkv7.StatusTokenizer) && !errors.Is(err, wkv7.StatusToken) {
		t.Fatalf("%v", err)
	}
}

func TestADecoderCutsNoCharacter(t *testing.T) {
	tokenizer, err := open(t).Tokenizer()
	must(t, err)
	defer tokenizer.Close()
	decoder, err := tokenizer.NewDecoder()
	must(t, err)
	defer decoder.Close()
	var pieces []string
	for _, b := range []byte("aé") {
		piece, err := decoder.Push(uint32(b))
		must(t, err)
		pieces = append(pieces, piece)
	}
	equal(t, len(pieces), 3)
	equal(t, pieces[0]+"|"+pieces[1]+"|"+pieces[2], "a||é")
	_, err = decoder.Push(0xC3)
	must(t, err)
	rest, err := decoder.Finish()
	must(t, err)
	equal(t, rest, "\uFFFD")
}
