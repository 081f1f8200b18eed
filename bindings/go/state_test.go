package wkv7_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func TestAStateIsAValue(t *testing.T) {
	session := fed(t)
	state, err := session.State()
	must(t, err)
	defer state.Close()
	seen, err := state.TokensSeen()
	must(t, err)
	equal(t, seen, uint64(len(prompt)))

	path := filepath.Join(t.TempDir(), "once.state")
	must(t, state.Save(path))
	loaded, err := open(t).LoadState(path)
	must(t, err)
	defer loaded.Close()
	bytes, err := loaded.Bytes()
	must(t, err)
	again, err := open(t).StateFromBytes(bytes)
	must(t, err)
	defer again.Close()
	for _, s := range []*wkv7.State{state, loaded, again} {
		other := fresh(t)
		must(t, other.SetState(s))
		equal(t, continued(t, other, len(story)), story)
	}
}

func TestThePartsOfAState(t *testing.T) {
	info, err := open(t).Info()
	must(t, err)
	state, err := fed(t).State()
	must(t, err)
	defer state.Close()
	sizes := map[wkv7.StatePart]int{
		wkv7.PartAttShift: info.Layers * info.Channels,
		wkv7.PartWKV:      info.Layers * info.Heads * info.HeadSize * info.HeadSize,
		wkv7.PartFFNShift: info.Layers * info.Channels,
		wkv7.PartLogits:   info.Vocab,
	}
	empty, err := open(t).NewState()
	must(t, err)
	defer empty.Close()
	for part, size := range sizes {
		values, err := state.Part(part)
		must(t, err)
		equal(t, len(values), size)
		must(t, empty.SetPart(part, values))
		view, err := empty.PartView(part)
		must(t, err)
		equal(t, slices.Equal(view, values), true)
	}
	// The logits last, because setting another part takes them away.
	logits, err := state.Part(wkv7.PartLogits)
	must(t, err)
	must(t, empty.SetPart(wkv7.PartLogits, logits))
	session := fresh(t)
	must(t, session.SetState(empty))
	equal(t, continued(t, session, len(story)), story)
}

func TestRefusalsOfAState(t *testing.T) {
	if _, err := open(t).StateFromBytes([]byte("rubbish")); !errors.Is(err, wkv7.StatusFile) {
		t.Fatalf("%v", err)
	}
	if _, err := open(t).LoadState("/no/such/state"); !errors.Is(err, wkv7.StatusIO) {
		t.Fatalf("%v", err)
	}
	if _, err := open(t).LoadTunedState(modelPath(t), false); err == nil {
		t.Fatal("a model is no tuned state")
	}
	state, err := open(t).NewState()
	must(t, err)
	defer state.Close()
	if err := state.SetPart(wkv7.PartWKV, []float32{1}); !errors.Is(err, wkv7.StatusArgument) {
		t.Fatalf("%v", err)
	}
	if _, err := state.Part(99); !errors.Is(err, wkv7.StatusArgument) {
		t.Fatalf("%v", err)
	}
}
