package wkv7

// #include "shim.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"runtime/cgo"
)

// TunePair is a prompt, and the answer that should follow it.
type TunePair struct {
	Prompt string // what is given; where it is empty, all of the answer is learned but its first token
	Answer string // what is learned
}

// TuneOptions say how to tune. The zero value of each field is its default.
type TuneOptions struct {
	Rounds      uint64  // times that every pair is learned from; 0 means 4
	Steps       uint64  // steps, in place of rounds; 0 means as many as the rounds take
	Batch       int     // pairs of a step at most; 0 means 16
	FirstRate   float64 // the learning rate after warming up; 0 means 1
	LastRate    float64 // the learning rate at the end; 0 means 0.01
	WarmupSteps uint64  // steps over which the rate rises, at most half of all; 0 means 10
	Seed        uint64  // of the order of the pairs
	Context     int     // tokens of a pair that are fed at most; what is longer is cut; 0 means 512
	Threads     int     // 0 means one per core
	Lead        bool    // feed token 0 first, as between the documents of pretraining
	NoEnd       bool    // do not learn that token 0 ends an answer
	// Progress is told of every step; false ends the tuning, which keeps what it has learned. Where it panics, so does the
	// call.
	Progress func(TuneStep) bool
}

// TuneStep is a step of a tuning.
type TuneStep struct {
	Done     uint64  // steps done, this one included
	Steps    uint64  // steps in all
	Loss     float64 // mean cross-entropy of the step's answers before the step, in nats a token
	Accuracy float64 // the part of their tokens that was the most likely one
	Rate     float64 // the learning rate
	Norm     float64 // Euclidean norm of the gradients before clipping
	Tokens   uint64  // tokens fed since the beginning
	Skipped  bool    // the step changed nothing, because its loss or norm is not finite
}

func tuneStepOf(p *C.wkv7_tune_progress) TuneStep {
	return TuneStep{
		Done:     uint64(p.done),
		Steps:    uint64(p.steps),
		Loss:     float64(p.loss),
		Accuracy: float64(p.accuracy),
		Rate:     float64(p.rate),
		Norm:     float64(p.norm),
		Tokens:   uint64(p.tokens),
		Skipped:  p.skipped != 0,
	}
}

// c is the options as the library wants them.
func (o *TuneOptions) c() (options C.wkv7_tune_options, err error) {
	if err := check(func() C.wkv7_status {
		return C.wkv7_tune_options_init(&options, C.sizeof_wkv7_tune_options)
	}); err != nil {
		return options, err
	}
	if o.Batch < 0 || o.Context < 0 || o.Threads < 0 {
		return options, &Error{Status: StatusArgument, Text: "batch, context or threads below 0"}
	}
	options.rounds = C.uint64_t(o.Rounds)
	options.steps = C.uint64_t(o.Steps)
	options.batch = C.size_t(o.Batch)
	options.first_rate = C.double(o.FirstRate)
	options.last_rate = C.double(o.LastRate)
	options.warmup_steps = C.uint64_t(o.WarmupSteps)
	options.seed = C.uint64_t(o.Seed)
	options.context = C.size_t(o.Context)
	options.threads = C.size_t(o.Threads)
	options.lead = flag(o.Lead)
	options.no_end = flag(o.NoEnd)
	return options, nil
}

// TuneState learns the state from which the model answers the prompts as the pairs do: for [Session.SetState], and for
// later by [State.SaveTuned]. It begins with the model's initial state; the weights stay as they are and may be of any
// type. The options may be nil. A context that ends ends the tuning after its step, with an error.
func (m *Model) TuneState(ctx context.Context, pairs []TunePair, options *TuneOptions) (*State, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	if options == nil {
		options = &TuneOptions{}
	}
	raw, err := options.c()
	if err != nil {
		return nil, err
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	texts := make([]C.wkv7_tune_pair, len(pairs))
	for i, pair := range pairs {
		texts[i] = C.wkv7_tune_pair{
			prompt: pinnedText(&pinner, pair.Prompt),
			answer: pinnedText(&pinner, pair.Answer),
		}
	}
	interrupted := false
	told := &callback[func(TuneStep) bool]{call: func(step TuneStep) bool {
		interrupted = ctx.Err() != nil
		return !interrupted && (options.Progress == nil || options.Progress(step))
	}}
	user := cgo.NewHandle(told)
	defer user.Delete()
	state, err := m.newState(func(m *C.wkv7_model, s **C.wkv7_state) C.wkv7_status {
		return C.wkv7_go_model_tune_state(m, (*C.wkv7_tune_pair)(pinnedArray(&pinner, texts)), C.size_t(len(texts)),
			&raw, C.uintptr_t(user), s)
	})
	if err == nil && (told.failed || interrupted) {
		state.Close()
		told.rethrow()
		cause := context.Cause(ctx)
		return nil, &Error{Status: StatusCancelled, Text: fmt.Sprintf("not tuned to the end: %v", cause), cause: cause}
	}
	return state, err
}

// SaveTuned writes the recurrent memory alone as a tuned initial state, which [Model.LoadTunedState], the initial state of
// [ModelOptions] and other RWKV tools read: a .pth or a .safetensors, by the name of path.
func (s *State) SaveTuned(path string) error {
	return s.read(func(state *C.wkv7_state) C.wkv7_status {
		return C.wkv7_state_save_tuned(state, chars(path), C.size_t(len(path)))
	})
}
