package wkv7

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"runtime/cgo"
)

// ModelOptions say how to open a model. The zero value of each field is its default.
type ModelOptions struct {
	// Backend is "auto" (the default): the best graphics card where build and machine have one, else the CPU. Or one of
	// [Backends]; "wgpu:INDEX" and "wgpu:NAME" choose one of [Devices].
	Backend string
	// Tokenizer is "auto" (the default): the vocabulary inside the file, else one beside it, else by the size of the
	// model's. Or "world", "bytes", or the path of a vocabulary file.
	Tokenizer string
	// InitialState is the path of a tuned state or of a state file that every session starts from.
	InitialState string
	// InitialStateTransposed: the tuned state is stored as (key, value), as web-rwkv's converter does.
	InitialStateTransposed bool
	// Exact forbids every approximation that a backend would make for speed.
	Exact bool
	// Slots is the number of sessions that can be open at once; 0 means 64.
	Slots int
	// MaxTokens is what one forward takes; 0 means 1024. A prompt can be cancelled between two forwards.
	MaxTokens int
	// Threads of the CPU backend; 0 means one per core.
	Threads int
	// Progress is told how far loading is, in bytes, from any goroutine but never from two at once; false cancels it.
	Progress func(done, total uint64) bool
}

// open calls with the options as the library wants them.
func (o *ModelOptions) open(ctx context.Context, call func(*C.wkv7_model_options) C.wkv7_status) error {
	if err := ctx.Err(); err != nil {
		return ended(ctx)
	}
	var options C.wkv7_model_options
	if err := check(func() C.wkv7_status {
		return C.wkv7_model_options_init(&options, C.sizeof_wkv7_model_options)
	}); err != nil {
		return err
	}
	if o == nil {
		o = &ModelOptions{}
	}
	if o.Slots < 0 || o.MaxTokens < 0 || o.Threads < 0 {
		return &Error{Status: StatusArgument, Text: "slots, max tokens or threads below 0"}
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	options.backend = pinnedText(&pinner, o.Backend)
	options.tokenizer = pinnedText(&pinner, o.Tokenizer)
	options.initial_state = pinnedText(&pinner, o.InitialState)
	options.initial_state_transposed = flag(o.InitialStateTransposed)
	options.exact = flag(o.Exact)
	options.slots = C.size_t(o.Slots)
	options.max_tokens = C.size_t(o.MaxTokens)
	options.threads = C.size_t(o.Threads)
	if o.Progress == nil && ctx.Done() == nil {
		return check(func() C.wkv7_status { return call(&options) })
	}
	progress := &callback[func(done, total uint64) bool]{call: func(done, total uint64) bool {
		return ctx.Err() == nil && (o.Progress == nil || o.Progress(done, total))
	}}
	user := cgo.NewHandle(progress)
	defer user.Delete()
	C.wkv7_go_set_progress(&options, C.uintptr_t(user))
	err := check(func() C.wkv7_status { return call(&options) })
	progress.rethrow()
	return withCause(ctx, err)
}

func flag(yes bool) C.uint32_t {
	if yes {
		return 1
	}
	return 0
}
