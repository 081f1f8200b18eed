package wkv7_test

import (
	"errors"
	"slices"
	"testing"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func TestABatchDoesWhatSessionsDoAlone(t *testing.T) {
	alone := fresh(t)
	rows, err := alone.FeedAll(t.Context(), []uint32{'O', 'n'})
	must(t, err)
	batch, err := open(t).NewBatch()
	must(t, err)
	defer batch.Close()
	sessions := []*wkv7.Session{fresh(t), fresh(t), fresh(t), fresh(t)}
	for i, want := range []wkv7.Want{wkv7.WantLast, wkv7.WantAll, wkv7.WantHidden, wkv7.WantNothing} {
		must(t, batch.Add(sessions[i], []uint32{'O', 'n'}, want))
	}
	if err := batch.Add(sessions[0], []uint32{'x'}, wkv7.WantLast); err == nil {
		t.Fatal("one session twice")
	}
	must(t, batch.Run())
	last, err := batch.Logits(0)
	must(t, err)
	all, err := batch.LogitsView(1)
	must(t, err)
	hidden, err := batch.Hidden(2)
	must(t, err)
	equal(t, slices.Equal(last, rows[256:]), true)
	equal(t, slices.Equal(all, rows), true)
	embedded, err := fresh(t).Embed(t.Context(), []uint32{'O', 'n'})
	must(t, err)
	equal(t, slices.Equal(hidden, embedded), true)
	view, err := batch.HiddenView(2)
	must(t, err)
	equal(t, len(view), len(hidden))
	must(t, batch.Clear())
	if _, err := batch.Logits(0); !errors.Is(err, wkv7.StatusArgument) {
		t.Fatalf("%v", err)
	}
	if _, err := batch.Logits(-1); !errors.Is(err, wkv7.StatusArgument) {
		t.Fatalf("%v", err)
	}
	logits, err := sessions[0].Logits()
	must(t, err)
	equal(t, slices.Equal(logits, last), true)
}
