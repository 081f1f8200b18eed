package wkv7_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func TestPiecesComeOneByOne(t *testing.T) {
	session := fed(t)
	generation, err := session.Start(t.Context(), &wkv7.GenerateOptions{MaxTokens: 36, Sampler: greedy(t)})
	must(t, err)
	defer generation.Close()
	if _, err := session.Logits(); !errors.Is(err, wkv7.StatusBusy) {
		t.Fatalf("the session is not busy: %v", err)
	}
	var text strings.Builder
	for piece, err := range generation.Pieces() {
		must(t, err)
		if piece.LogProbability > 0 || piece.Token > 255 {
			t.Fatalf("%+v", piece)
		}
		text.WriteString(piece.Text)
	}
	equal(t, text.String(), story)
	result, err := generation.Result()
	must(t, err)
	equal(t, result.Reason, wkv7.StopMaxTokens)
	equal(t, result.Tokens, 36)
	generation.Close()
	if _, _, err := generation.Next(); !errors.Is(err, wkv7.ErrClosed) {
		t.Fatalf("%v", err)
	}
	_, err = session.Logits()
	must(t, err)
}

func TestAGenerationStopsAtATextOrAToken(t *testing.T) {
	var text strings.Builder
	options := &wkv7.GenerateOptions{Stop: []string{"no such text", " named"}, Sampler: greedy(t)}
	result, err := fed(t).GenerateTo(t.Context(), &text, options)
	must(t, err)
	equal(t, text.String(), " there was a clever frog")
	equal(t, result.Reason, wkv7.StopText)
	equal(t, result.StopIndex, 1)

	text.Reset()
	options = &wkv7.GenerateOptions{StopTokens: []uint32{'v'}, Sampler: greedy(t)}
	result, err = fed(t).GenerateTo(t.Context(), &text, options)
	must(t, err)
	equal(t, text.String(), " there was a cle")
	equal(t, result.Reason, wkv7.StopToken)
	equal(t, result.StopToken, 'v')
}

func TestLeavingALoopEndsTheGeneration(t *testing.T) {
	session := fed(t)
	for piece, err := range session.Generate(t.Context(), &wkv7.GenerateOptions{Sampler: greedy(t)}) {
		must(t, err)
		equal(t, piece.Text, " ")
		break
	}
	equal(t, continued(t, session, len(story)-1), story[1:])
}

func TestAFunctionGetsThePieces(t *testing.T) {
	text := ""
	options := &wkv7.GenerateOptions{Sampler: greedy(t)}
	session := fed(t)
	result, err := session.GenerateFunc(t.Context(), options, func(piece wkv7.Piece) bool {
		text += piece.Text
		return len(text) < 6
	})
	must(t, err)
	equal(t, text, " there")
	equal(t, result.Reason, wkv7.StopCallback)
	equal(t, result.Tokens, 6)
	equal(t, continued(t, session, 4), " was")

	func() {
		defer func() { equal(t, recover(), any("mine")) }()
		_, _ = session.GenerateFunc(t.Context(), nil, func(wkv7.Piece) bool { panic("mine") })
	}()
	must(t, session.Feed(t.Context(), []uint32{'a'})) // not left busy
}

type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestAWriterThatFailsEndsTheGeneration(t *testing.T) {
	session := fed(t)
	result, err := session.GenerateTo(t.Context(), &failing{left: 3}, &wkv7.GenerateOptions{Sampler: greedy(t)})
	equal(t, err, io.ErrShortWrite)
	equal(t, result.Tokens, 4)
	seen, err := session.TokensSeen()
	must(t, err)
	equal(t, seen, uint64(len(prompt)+4))
}

func TestAContextEndsAGeneration(t *testing.T) {
	session := fed(t)
	endless := &wkv7.GenerateOptions{MaxTokens: 1 << 20, Sampler: greedy(t)}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := session.GenerateTo(ctx, io.Discard, endless)
	if !errors.Is(err, wkv7.StatusCancelled) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	must(t, session.Feed(t.Context(), []uint32{'a'})) // the flag went with the context

	ctx, cancel = context.WithCancel(t.Context())
	pieces := 0
	_, err = session.GenerateFunc(ctx, endless, func(wkv7.Piece) bool {
		if pieces++; pieces == 3 {
			cancel()
		}
		return true
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	must(t, session.Feed(t.Context(), []uint32{'a'}))
}

func TestASessionMayBeClosedBeforeItsGeneration(t *testing.T) {
	session := fed(t)
	ctx, cancel := context.WithCancel(t.Context())
	generation, err := session.Start(ctx, &wkv7.GenerateOptions{Sampler: greedy(t)})
	must(t, err)
	session.Close()
	piece, more, err := generation.Next()
	must(t, err)
	equal(t, more, true)
	equal(t, piece.Text, " ")
	cancel()
	for err == nil {
		_, _, err = generation.Next()
	}
	if !errors.Is(err, wkv7.StatusCancelled) {
		t.Fatalf("%v", err)
	}
	generation.Close()
}
