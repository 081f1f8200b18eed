package wkv7_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

var pairs = []wkv7.TunePair{{Prompt: "Q: goose?\nA:", Answer: " A bird."}, {Answer: "An answer alone."}}

func TestAStateIsTuned(t *testing.T) {
	var losses []float64
	state, err := open(t).TuneState(t.Context(), pairs, &wkv7.TuneOptions{
		Steps:       12,
		Threads:     1,
		WarmupSteps: 1,
		Progress: func(step wkv7.TuneStep) bool {
			equal(t, step.Steps, 12)
			losses = append(losses, step.Loss)
			return true
		},
	})
	must(t, err)
	defer state.Close()
	equal(t, len(losses), 12)
	equal(t, losses[11] < losses[0], true)

	plain, tuned := fresh(t), fresh(t)
	must(t, tuned.SetState(state))
	for _, session := range []*wkv7.Session{plain, tuned} {
		_, err := session.FeedText(t.Context(), pairs[0].Prompt)
		must(t, err)
	}
	before, err := plain.Logits()
	must(t, err)
	after, err := tuned.Logits()
	must(t, err)
	equal(t, slices.Equal(before, after), false)

	path := filepath.Join(t.TempDir(), "tuned.pth")
	must(t, state.SaveTuned(path))
	read, err := open(t).LoadTunedState(path, false)
	must(t, err)
	defer read.Close()
	want, err := state.Part(wkv7.PartWKV)
	must(t, err)
	found, err := read.Part(wkv7.PartWKV)
	must(t, err)
	equal(t, slices.Equal(found, want), true)
}

func TestATuningEndsEarly(t *testing.T) {
	calls := 0
	state, err := open(t).TuneState(t.Context(), pairs, &wkv7.TuneOptions{
		Progress: func(wkv7.TuneStep) bool { calls++; return calls < 2 },
	})
	must(t, err)
	state.Close()
	equal(t, calls, 2)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = open(t).TuneState(ctx, pairs, &wkv7.TuneOptions{
		Progress: func(wkv7.TuneStep) bool { cancel(); return true },
	})
	equal(t, errors.Is(err, context.Canceled), true)

	defer func() { equal(t, recover(), any("enough")) }()
	_, _ = open(t).TuneState(t.Context(), pairs, &wkv7.TuneOptions{
		Progress: func(wkv7.TuneStep) bool { panic("enough") },
	})
	t.Error("it did not panic")
}

func TestNothingToTuneWithIsAnError(t *testing.T) {
	_, err := open(t).TuneState(t.Context(), nil, nil)
	var refusal *wkv7.Error
	equal(t, errors.As(err, &refusal) && refusal.Status == wkv7.StatusArgument, true)
	_, err = open(t).TuneState(t.Context(), []wkv7.TunePair{{Prompt: "a", Answer: "\xff"}}, nil)
	equal(t, errors.As(err, &refusal) && refusal.Status == wkv7.StatusUTF8, true)
	_, err = open(t).TuneState(t.Context(), pairs, &wkv7.TuneOptions{Batch: -1})
	equal(t, errors.As(err, &refusal) && refusal.Status == wkv7.StatusArgument, true)
}
