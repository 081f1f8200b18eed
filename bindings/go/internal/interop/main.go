// Command interop writes what this language computes, and continues from what other languages wrote, so that a harness can
// compare them bit for bit. The model is $WKV7_MODEL, the folder $WKV7_INTEROP.
//
//	interop write LANG   writes LANG.logits, LANG.state and LANG.tokens
//	interop check LANG   writes LANG.from.OTHER.tokens for every OTHER.state
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

const prompt = "Once upon a time"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("expected `write LANG` or `check LANG`")
	}
	folder, language := os.Getenv("WKV7_INTEROP"), args[1]
	if folder == "" {
		return errors.New("WKV7_INTEROP is not set")
	}
	model, err := wkv7.Open(context.Background(), os.Getenv("WKV7_MODEL"), nil)
	if err != nil {
		return err
	}
	defer model.Close()
	switch args[0] {
	case "write":
		return write(model, filepath.Join(folder, language))
	case "check":
		return check(model, folder, language)
	}
	return fmt.Errorf("unknown mode `%s`, expected `write` or `check`", args[0])
}

// write writes the logits, the state and the tokens that follow it to base with an extension each.
func write(model *wkv7.Model, base string) error {
	session, err := model.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	if _, err := session.FeedText(context.Background(), prompt); err != nil {
		return err
	}
	logits, err := session.Logits()
	if err != nil {
		return err
	}
	var raw bytes.Buffer
	if err := binary.Write(&raw, binary.LittleEndian, logits); err != nil {
		return err
	}
	if err := os.WriteFile(base+".logits", raw.Bytes(), 0o644); err != nil {
		return err
	}
	state, err := session.State()
	if err != nil {
		return err
	}
	defer state.Close()
	if err := state.Save(base + ".state"); err != nil {
		return err
	}
	return generate(session, base+".tokens")
}

// check continues from every state in the folder.
func check(model *wkv7.Model, folder, language string) error {
	states, err := filepath.Glob(filepath.Join(folder, "*.state"))
	if err != nil {
		return err
	}
	for _, path := range states {
		other := strings.TrimSuffix(filepath.Base(path), ".state")
		if err := checkOne(model, path, filepath.Join(folder, language+".from."+other+".tokens")); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func checkOne(model *wkv7.Model, path, to string) error {
	state, err := model.LoadState(path)
	if err != nil {
		return err
	}
	defer state.Close()
	session, err := model.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.SetState(state); err != nil {
		return err
	}
	return generate(session, to)
}

// generate writes 64 greedy tokens to the file at path.
func generate(session *wkv7.Session, path string) error {
	options, err := wkv7.DefaultSamplerOptions()
	if err != nil {
		return err
	}
	sampler, err := wkv7.NewSampler(options.Greedy())
	if err != nil {
		return err
	}
	defer sampler.Close()
	var tokens []string
	generate := &wkv7.GenerateOptions{MaxTokens: 64, Sampler: sampler}
	for piece, err := range session.Generate(context.Background(), generate) {
		if err != nil {
			return err
		}
		tokens = append(tokens, fmt.Sprint(piece.Token))
	}
	return os.WriteFile(path, []byte(strings.Join(tokens, " ")+"\n"), 0o644)
}
