package wkv7

// #include "shim.h"
import "C"

import (
	"context"
	"io"
	"iter"
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// GenerateOptions say what to generate. The zero value of each field is its default.
type GenerateOptions struct {
	MaxTokens  int      // tokens to generate at most; 0 means 256
	Stop       []string // texts at which to stop; none of their text is emitted
	StopTokens []uint32 // tokens at which to stop, besides the end of text, which always stops
	Sampler    *Sampler // goes on being used; nil takes the model's defaults with a new seed
}

// Piece is a generated token.
type Piece struct {
	// Text is what became certain with it. Whole characters only, so it may be empty, or begin with a character that an
	// earlier token began.
	Text string
	// Token is its id.
	Token uint32
	// LogProbability is the natural logarithm of the probability that the model gave it, before any penalty or cut.
	LogProbability float32
}

func pieceOf(p *C.wkv7_piece) Piece {
	return Piece{
		Text:           C.GoStringN(p.text, C.int(p.text_len)),
		Token:          uint32(p.token),
		LogProbability: float32(p.log_probability),
	}
}

// StopReason is why a generation ended.
type StopReason int32

// The reasons. Later versions may add more.
const (
	StopNone      StopReason = C.WKV7_STOP_NONE       // it goes on, or ended with an error
	StopToken     StopReason = C.WKV7_STOP_TOKEN      // the end of text or another stop token was sampled
	StopText      StopReason = C.WKV7_STOP_TEXT       // a stop text appeared
	StopMaxTokens StopReason = C.WKV7_STOP_MAX_TOKENS // as many tokens as were asked for
	StopCallback  StopReason = C.WKV7_STOP_CALLBACK   // the callback said so
)

// Result is how a generation ended, or how far it is.
type Result struct {
	Reason    StopReason // why it ended
	StopToken uint32     // the token at which it stopped, for [StopToken]
	StopIndex int        // which of the texts it stopped at, for [StopText]
	Tokens    uint64     // tokens handed out
	Seconds   float64    // seconds that they took
}

func resultOf(r *C.wkv7_generation_result) Result {
	return Result{
		Reason:    StopReason(r.reason),
		StopToken: uint32(r.stop_token),
		StopIndex: int(r.stop_index),
		Tokens:    uint64(r.tokens),
		Seconds:   float64(r.seconds),
	}
}

// run calls with the options as the library wants them.
func (o *GenerateOptions) run(call func(*C.wkv7_sampler, *C.wkv7_generate_options) C.wkv7_status) error {
	var options C.wkv7_generate_options
	if err := check(func() C.wkv7_status {
		return C.wkv7_generate_options_init(&options, C.sizeof_wkv7_generate_options)
	}); err != nil {
		return err
	}
	if o == nil {
		o = &GenerateOptions{}
	}
	if o.MaxTokens < 0 {
		return &Error{Status: StatusArgument, Text: "max tokens below 0"}
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	stop := make([]C.wkv7_text, len(o.Stop))
	for i, text := range o.Stop {
		stop[i] = pinnedText(&pinner, text)
	}
	options.max_tokens = C.size_t(o.MaxTokens)
	options.stop = (*C.wkv7_text)(pinnedArray(&pinner, stop))
	options.stop_count = C.size_t(len(stop))
	options.stop_tokens = (*C.uint32_t)(pinnedArray(&pinner, o.StopTokens))
	options.stop_tokens_count = C.size_t(len(o.StopTokens))
	var sampler *C.wkv7_sampler
	if o.Sampler != nil {
		if err := o.Sampler.enter(); err != nil {
			return err
		}
		defer o.Sampler.leave()
		sampler = o.Sampler.object()
	}
	return check(func() C.wkv7_status { return call(sampler, &options) })
}

// Generation makes pieces of text as they are asked for. While it is open its session answers other calls with
// [StatusBusy]. It is for one goroutine at a time.
type Generation struct {
	*handle
	ctx   context.Context
	piece *C.wkv7_piece // where the library writes
}

func (g *Generation) object() *C.wkv7_generation { return (*C.wkv7_generation)(g.handle.object) }

// Start begins to generate from where the session is. The context holds until the generation is closed.
func (s *Session) Start(ctx context.Context, options *GenerateOptions) (*Generation, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	if err := s.enter(); err != nil {
		return nil, err
	}
	var object *C.wkv7_generation
	err := options.run(func(sampler *C.wkv7_sampler, o *C.wkv7_generate_options) C.wkv7_status {
		return C.wkv7_generation_start(s.object(), sampler, o, &object)
	})
	if err != nil {
		s.leave()
		return nil, err
	}
	unwatch := s.watch(ctx)
	g := &Generation{ctx: ctx}
	g.handle = own(g, unsafe.Pointer(object), func(p unsafe.Pointer) {
		C.wkv7_generation_free((*C.wkv7_generation)(p))
		unwatch()
		s.leave() // only now, so that closing the session first does no harm
	})
	return g, nil
}

// Next makes the next piece; false once the generation is over, by an error or for the reason that [Generation.Result]
// tells.
func (g *Generation) Next() (Piece, bool, error) {
	if err := g.enter(); err != nil {
		return Piece{}, false, err
	}
	defer g.leave()
	if err := check(func() C.wkv7_status { return C.wkv7_generation_next(g.object(), &g.piece) }); err != nil {
		return Piece{}, false, withCause(g.ctx, err)
	}
	if g.piece == nil {
		return Piece{}, false, nil
	}
	return pieceOf(g.piece), true, nil
}

// Result tells how the generation ended, or how far it is.
func (g *Generation) Result() (Result, error) {
	if err := g.enter(); err != nil {
		return Result{}, err
	}
	defer g.leave()
	var result C.wkv7_generation_result
	result.struct_size = C.sizeof_wkv7_generation_result
	err := check(func() C.wkv7_status { return C.wkv7_generation_get_result(g.object(), &result) })
	return resultOf(&result), err
}

// Close ends the generation. The session then holds exactly what was handed out, and can be used again: a stop text or a
// stop token, and what came after, was not fed.
func (g *Generation) Close() { g.close() }

// Pieces are what is left of the generation, for a range loop. An error is the last thing that it yields.
func (g *Generation) Pieces() iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		for {
			piece, more, err := g.Next()
			if err != nil {
				yield(Piece{}, err)
				return
			}
			if !more || !yield(piece, nil) {
				return
			}
		}
	}
}

// Generate generates from where the session is, for a range loop; leaving the loop ends the generation. An error is the
// last thing that it yields. For the reason why it ended, use [Session.Start].
func (s *Session) Generate(ctx context.Context, options *GenerateOptions) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		generation, err := s.Start(ctx, options)
		if err != nil {
			yield(Piece{}, err)
			return
		}
		defer generation.Close()
		generation.Pieces()(yield)
	}
}

// GenerateTo generates from where the session is and writes the text to w as it comes. Where w fails, the generation
// ends with its error; the session holds the piece that could not be written.
func (s *Session) GenerateTo(ctx context.Context, w io.Writer, options *GenerateOptions) (Result, error) {
	generation, err := s.Start(ctx, options)
	if err != nil {
		return Result{}, err
	}
	defer generation.Close()
	for piece, err := range generation.Pieces() {
		if err == nil && piece.Text != "" {
			_, err = io.WriteString(w, piece.Text)
		}
		if err != nil {
			result, _ := generation.Result() // the first error is the one to tell
			return result, err
		}
	}
	return generation.Result()
}

// GenerateFunc generates from where the session is, inside one call of the library, and calls f with each piece; false
// ends the generation. The session answers f's own calls with [StatusBusy].
func (s *Session) GenerateFunc(
	ctx context.Context, options *GenerateOptions, f func(Piece) (goOn bool),
) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, ended(ctx)
	}
	if err := s.enter(); err != nil {
		return Result{}, err
	}
	defer s.leave()
	defer s.watch(ctx)()
	pieces := &callback[func(Piece) bool]{call: f}
	user := cgo.NewHandle(pieces)
	defer user.Delete()
	var result C.wkv7_generation_result
	result.struct_size = C.sizeof_wkv7_generation_result
	err := options.run(func(sampler *C.wkv7_sampler, o *C.wkv7_generate_options) C.wkv7_status {
		return C.wkv7_go_session_generate(s.object(), sampler, o, C.uintptr_t(user), &result)
	})
	pieces.rethrow()
	return resultOf(&result), withCause(ctx, err)
}
