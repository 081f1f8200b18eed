package wkv7_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func TestAModelTellsWhatItIs(t *testing.T) {
	info, err := open(t).Info()
	must(t, err)
	equal(t, info.Channels, info.Heads*info.HeadSize)
	equal(t, info.Vocab, 256)
	equal(t, info.Backend, "cpu")
	if info.Layers == 0 || info.Parameters == 0 || len(info.Fingerprint) < 16 || info.Format == "" {
		t.Fatalf("%+v", info)
	}
	text, err := open(t).JSON()
	must(t, err)
	var all map[string]any
	must(t, json.Unmarshal(text, &all))
	equal(t, all["fingerprint"].(string), info.Fingerprint)
}

func TestOptionsReachTheLibrary(t *testing.T) {
	options := &wkv7.ModelOptions{Backend: "reference", Tokenizer: "bytes", Slots: 1, MaxTokens: 7, Exact: true}
	model, err := wkv7.Open(t.Context(), modelPath(t), options)
	must(t, err)
	defer model.Close()
	info, err := model.Info()
	must(t, err)
	equal(t, info.Backend, "reference")
	equal(t, info.MaxTokens, 7)
	equal(t, info.Slots, 1)
	session, err := model.NewSession()
	must(t, err)
	defer session.Close()
	if _, err := model.NewSession(); !errors.Is(err, wkv7.StatusNoSlot) {
		t.Fatalf("a second slot: %v", err)
	}
}

func TestProgressIsToldAndCanCancel(t *testing.T) {
	var done, total uint64
	options := &wkv7.ModelOptions{Progress: func(d, t uint64) bool { done, total = d, t; return true }}
	model, err := wkv7.Open(t.Context(), modelPath(t), options)
	must(t, err)
	model.Close()
	if total == 0 || done != total {
		t.Fatalf("ended at %d of %d", done, total)
	}
	options.Progress = func(uint64, uint64) bool { return false }
	if _, err := wkv7.Open(t.Context(), modelPath(t), options); !errors.Is(err, wkv7.StatusCancelled) {
		t.Fatalf("not cancelled: %v", err)
	}
}

func TestAContextEndsLoading(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	options := &wkv7.ModelOptions{Progress: func(uint64, uint64) bool { cancel(); return true }}
	_, err := wkv7.Open(ctx, modelPath(t), options)
	if !errors.Is(err, wkv7.StatusCancelled) || !errors.Is(err, context.Canceled) {
		t.Fatalf("not cancelled by the context: %v", err)
	}
	if _, err := wkv7.Open(ctx, modelPath(t), nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("begun with an ended context: %v", err)
	}
}

func TestAPanicOfACallbackReachesTheCaller(t *testing.T) {
	defer func() {
		equal(t, recover(), any("mine"))
		equal(t, continued(t, fed(t), len(story)), story) // the library is unharmed
	}()
	_, _ = wkv7.Open(t.Context(), modelPath(t), &wkv7.ModelOptions{
		Progress: func(uint64, uint64) bool { panic("mine") },
	})
	t.Fatal("no panic")
}

func TestAModelOpensFromMemory(t *testing.T) {
	data, err := os.ReadFile(modelPath(t))
	must(t, err)
	copied, err := wkv7.OpenBytes(t.Context(), data, nil)
	must(t, err)
	defer copied.Close()

	released := make(chan struct{})
	shared, err := wkv7.OpenShared(t.Context(), data, nil, func() { close(released) })
	must(t, err)
	session, err := shared.NewSession()
	must(t, err)
	shared.Close()
	_, err = session.FeedText(t.Context(), prompt)
	must(t, err)
	equal(t, continued(t, session, len(story)), story)
	select {
	case <-released:
		t.Fatal("released while a session needs it")
	default:
	}
	session.Close()
	<-released

	broken := 0
	if _, err := wkv7.OpenShared(t.Context(), data[:100], nil, func() { broken++ }); err == nil {
		t.Fatal("half a file was opened")
	}
	equal(t, broken, 1)
}

func TestTheBuiltInModelNeedsNoFile(t *testing.T) {
	model, err := wkv7.OpenBuiltIn(t.Context(), &wkv7.ModelOptions{Threads: 1})
	must(t, err)
	defer model.Close()
	info, err := model.Info()
	must(t, err)
	equal(t, info.Format, "GGUF")
	equal(t, info.EndOfText, int64(0))

	session, err := model.NewSession()
	must(t, err)
	defer session.Close()
	_, err = session.FeedText(t.Context(), prompt)
	must(t, err)
	if told := continued(t, session, 20); told == "" || !utf8.ValidString(told) {
		t.Fatalf("%q", told)
	}
}

func TestABrokenFileIsRefusedInWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broken.safetensors")
	must(t, os.WriteFile(path, []byte("not a checkpoint at all"), 0o600))
	_, err := wkv7.Open(t.Context(), path, nil)
	if !errors.Is(err, wkv7.StatusFile) || !strings.Contains(err.Error(), "broken.safetensors") {
		t.Fatalf("%v", err)
	}
	if _, err := wkv7.Open(t.Context(), filepath.Join(path, "nothing"), nil); !errors.Is(err, wkv7.StatusIO) {
		t.Fatalf("%v", err)
	}
}

func TestAClosedHandleSaysSo(t *testing.T) {
	model, err := wkv7.Open(t.Context(), modelPath(t), nil)
	must(t, err)
	session, err := model.NewSession()
	must(t, err)
	model.Close()
	model.Close()
	if _, err := model.Info(); !errors.Is(err, wkv7.ErrClosed) {
		t.Fatalf("%v", err)
	}
	if _, err := session.FeedText(t.Context(), prompt); err != nil { // it keeps its model
		t.Fatal(err)
	}
	session.Close()
	if _, err := session.Logits(); !errors.Is(err, wkv7.ErrClosed) {
		t.Fatalf("%v", err)
	}
}
