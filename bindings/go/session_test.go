package wkv7_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func TestLogitsAreACopyOrAView(t *testing.T) {
	session := fed(t)
	copied, err := session.Logits()
	must(t, err)
	view, err := session.LogitsView()
	must(t, err)
	equal(t, len(copied), 256)
	equal(t, slices.Equal(copied, view), true)
	must(t, session.Feed(t.Context(), []uint32{' '}))
	after, err := session.Logits()
	must(t, err)
	equal(t, slices.Equal(copied, after), false)
}

func TestTheWaysToFeedAgree(t *testing.T) {
	tokens := []uint32{'O', 'n', 'c', 'e'}
	session := fresh(t)
	must(t, session.Feed(t.Context(), tokens))
	logits, err := session.Logits()
	must(t, err)
	all, err := fresh(t).FeedAll(t.Context(), tokens)
	must(t, err)
	equal(t, len(all), 4*256)
	equal(t, slices.Equal(all[3*256:], logits), true)

	tops, err := session.Top(3)
	must(t, err)
	other, err := fresh(t).FeedTop(t.Context(), tokens, 3)
	must(t, err)
	equal(t, len(tops), 3)
	equal(t, tops[0].Token, other[0].Token)
	equal(t, tops[0].Logit, slices.Max(logits))
	if tops[0].Logit < tops[1].Logit || tops[0].LogProbability > 0 {
		t.Fatalf("%v", tops)
	}

	hidden, err := fresh(t).Embed(t.Context(), tokens)
	must(t, err)
	info, err := open(t).Info()
	must(t, err)
	equal(t, len(hidden), info.Channels)
	seen, err := session.TokensSeen()
	must(t, err)
	equal(t, seen, 4)
	stats, err := session.Stats()
	must(t, err)
	equal(t, stats.FedTokens, 4)
	equal(t, stats.LastTokens, 4)
}

func TestRefusalsOfASession(t *testing.T) {
	session := fresh(t)
	if _, err := session.Logits(); !errors.Is(err, wkv7.StatusNothingFed) {
		t.Fatalf("%v", err)
	}
	if err := session.Feed(t.Context(), []uint32{1 << 20}); !errors.Is(err, wkv7.StatusToken) {
		t.Fatalf("%v", err)
	}
	if _, err := session.Top(0); !errors.Is(err, wkv7.StatusArgument) {
		t.Fatalf("%v", err)
	}
}

func TestAForkGoesItsOwnWay(t *testing.T) {
	session := fed(t)
	fork, err := session.Fork()
	must(t, err)
	defer fork.Close()
	equal(t, continued(t, session, len(story)), story)
	equal(t, continued(t, fork, len(story)), story)
	moved, err := fork.To(open(t))
	must(t, err)
	defer moved.Close()
	equal(t, continued(t, moved, 8), continued(t, fork, 8))
	must(t, session.Reset())
	seen, err := session.TokensSeen()
	must(t, err)
	equal(t, seen, 0)
}

func TestCancelHoldsUntilItIsCleared(t *testing.T) {
	session := fresh(t)
	must(t, session.Cancel())
	for range 2 {
		if err := session.Feed(t.Context(), []uint32{'a'}); !errors.Is(err, wkv7.StatusCancelled) {
			t.Fatalf("%v", err)
		}
	}
	// The end of a call's context does not lift it.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := session.Feed(ctx, []uint32{'a'}); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	if err := session.Feed(t.Context(), []uint32{'a'}); !errors.Is(err, wkv7.StatusCancelled) {
		t.Fatalf("%v", err)
	}
	must(t, session.ClearCancel())
	must(t, session.Feed(t.Context(), []uint32{'a'}))
}

func TestAnotherGoroutineCancelsALongFeed(t *testing.T) {
	model, err := wkv7.Open(t.Context(), modelPath(t), &wkv7.ModelOptions{MaxTokens: 1})
	must(t, err)
	defer model.Close()
	session, err := model.NewSession()
	must(t, err)
	defer session.Close()
	long := make([]uint32, 1<<20) // hours, were it not cancelled
	for i := range long {
		long[i] = 'a'
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		_ = session.Cancel()
	}()
	if err := session.Feed(context.Background(), long); !errors.Is(err, wkv7.StatusCancelled) {
		t.Fatalf("%v", err)
	}
	must(t, session.ClearCancel())

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err = session.Feed(ctx, long)
	if !errors.Is(err, wkv7.StatusCancelled) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	must(t, session.Feed(t.Context(), []uint32{'a'})) // the flag went with the context
}

func TestContextsThatEndAnyTimeLeaveNoFlag(t *testing.T) {
	session := fresh(t)
	for i := range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for range i % 20 {
				runtime.Gosched()
			}
			cancel()
		}()
		if err := session.Feed(ctx, []uint32{'a', 'b'}); err != nil && !errors.Is(err, wkv7.StatusCancelled) {
			t.Fatal(err)
		}
		cancel()
		must(t, session.Feed(context.Background(), []uint32{'c'}))
	}
}

func TestClosingDuringACallIsSafe(t *testing.T) {
	for range 20 {
		session, err := open(t).NewSession()
		must(t, err)
		var calls sync.WaitGroup
		calls.Add(1)
		go func() {
			defer calls.Done()
			for {
				if err := session.Feed(context.Background(), []uint32{'a'}); err != nil {
					if !errors.Is(err, wkv7.ErrClosed) {
						t.Errorf("%v", err)
					}
					return
				}
			}
		}()
		time.Sleep(time.Millisecond)
		session.Close()
		calls.Wait()
	}
}

func TestSessionsOnManyGoroutinesAgree(t *testing.T) {
	var calls sync.WaitGroup
	texts := make([]string, 8)
	for i := range texts {
		session, sampler := fresh(t), greedy(t)
		calls.Add(1)
		go func() {
			defer calls.Done()
			if _, err := session.FeedText(context.Background(), prompt); err != nil {
				t.Error(err)
			}
			options := &wkv7.GenerateOptions{MaxTokens: len(story), Sampler: sampler}
			for piece, err := range session.Generate(context.Background(), options) {
				if err != nil {
					t.Error(err)
				}
				texts[i] += piece.Text
			}
		}()
	}
	calls.Wait()
	for _, text := range texts {
		equal(t, text, story)
	}
}

func TestWhatIsForgottenIsFreed(t *testing.T) {
	model, err := wkv7.Open(t.Context(), modelPath(t), &wkv7.ModelOptions{Slots: 1})
	must(t, err)
	defer model.Close()
	_, err = model.NewSession()
	must(t, err)
	deadline := time.Now().Add(10 * time.Second)
	for {
		runtime.GC()
		session, err := model.NewSession()
		if err == nil {
			session.Close()
			return
		}
		if !errors.Is(err, wkv7.StatusNoSlot) || time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	session, sampler := fed(t), greedy(t)
	ctx, next := context.Background(), []uint32{' '}
	allocations := testing.AllocsPerRun(50, func() {
		must(t, session.Feed(ctx, next))
		logits, err := session.LogitsView()
		must(t, err)
		next[0], err = sampler.Sample(logits)
		must(t, err)
	})
	equal(t, allocations, 0)
}
