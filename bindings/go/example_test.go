package wkv7_test

import (
	"context"
	"fmt"
	"log"
	"os"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

// Generate text and write it as it comes.
func Example() {
	ctx := context.Background()
	model, err := wkv7.Open(ctx, os.Getenv("WKV7_MODEL"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	session, err := model.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	if _, err := session.FeedText(ctx, "Once upon a time"); err != nil {
		log.Fatal(err)
	}

	// Without a sampler the model's defaults choose; this one always takes the most likely token.
	defaults, err := model.DefaultSamplerOptions()
	if err != nil {
		log.Fatal(err)
	}
	sampler, err := wkv7.NewSampler(defaults.Greedy())
	if err != nil {
		log.Fatal(err)
	}
	defer sampler.Close()
	options := &wkv7.GenerateOptions{MaxTokens: 100, Stop: []string{"."}, Sampler: sampler}
	if _, err := session.GenerateTo(ctx, os.Stdout, options); err != nil {
		log.Fatal(err)
	}
	// Output: there was a clever frog named Max
}

// Keep what a session remembers, and let another session continue from there.
func ExampleSession_State() {
	ctx := context.Background()
	model, err := wkv7.Open(ctx, os.Getenv("WKV7_MODEL"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	first, err := model.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer first.Close()
	if _, err := first.FeedText(ctx, "Once upon a time"); err != nil {
		log.Fatal(err)
	}
	state, err := first.State()
	if err != nil {
		log.Fatal(err)
	}
	defer state.Close()

	second, err := model.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	defer second.Close()
	if err := second.SetState(state); err != nil {
		log.Fatal(err)
	}
	most, err := second.Top(1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d tokens, then %q\n", len("Once upon a time"), rune(most[0].Token))
	// Output: 16 tokens, then ' '
}

// Cut a text into tokens and put it together again.
func ExampleTokenizer_Encode() {
	tokenizer, err := wkv7.OpenTokenizer("world")
	if err != nil {
		log.Fatal(err)
	}
	defer tokenizer.Close()
	tokens, err := tokenizer.Encode("A goose swims.")
	if err != nil {
		log.Fatal(err)
	}
	text, err := tokenizer.Decode(tokens)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output: A goose swims.
}
