package wkv7

// #include "shim.h"
import "C"

import (
	"context"
	"slices"
	"unsafe"
)

// Session is one sequence of tokens and all that it remembers. It is for one goroutine at a time, except
// [Session.Cancel] and [Session.ClearCancel]. It keeps its model.
type Session struct {
	*handle
	cancel cancelling
	// Where the library writes what a token needs, so that decoding allocates nothing.
	logits *C.float
	count  C.size_t
}

func (s *Session) object() *C.wkv7_session { return (*C.wkv7_session)(s.handle.object) }

// NewSession is a session at the model's initial state.
func (m *Model) NewSession() (*Session, error) {
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	return newSession(func(s **C.wkv7_session) C.wkv7_status { return C.wkv7_session_new(m.object(), s) })
}

func newSession(call func(**C.wkv7_session) C.wkv7_status) (*Session, error) {
	var object *C.wkv7_session
	if err := check(func() C.wkv7_status { return call(&object) }); err != nil {
		return nil, err
	}
	s := &Session{}
	s.handle = own(s, unsafe.Pointer(object), func(p unsafe.Pointer) { C.wkv7_session_free((*C.wkv7_session)(p)) })
	return s, nil
}

// Close frees the session and its slot. An open generation, or a batch that it is in, keeps it.
func (s *Session) Close() { s.close() }

// Fork is a second session that continues from here on its own.
func (s *Session) Fork() (*Session, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	return newSession(func(fork **C.wkv7_session) C.wkv7_status { return C.wkv7_session_fork(s.object(), fork) })
}

// To is a session of model that continues from here, on another backend or device with the same weights.
func (s *Session) To(model *Model) (*Session, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	if err := model.enter(); err != nil {
		return nil, err
	}
	defer model.leave()
	return newSession(func(moved **C.wkv7_session) C.wkv7_status {
		return C.wkv7_session_to(s.object(), model.object(), moved)
	})
}

// Reset goes back to where new sessions of the model start.
func (s *Session) Reset() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return check(func() C.wkv7_status { return C.wkv7_session_reset(s.object()) })
}

// Feed feeds tokens; the logits after the last are then there to be read. A context that ends stops it between two
// forwards, see [ModelOptions.MaxTokens].
func (s *Session) Feed(ctx context.Context, tokens []uint32) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.during(ctx, func() C.wkv7_status {
		return C.wkv7_session_feed(s.object(), ids(tokens), C.size_t(len(tokens)))
	})
}

// FeedText feeds a text and returns the number of its tokens.
func (s *Session) FeedText(ctx context.Context, text string) (int, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	var count C.size_t
	err := s.during(ctx, func() C.wkv7_status {
		return C.wkv7_session_feed_text(s.object(), chars(text), C.size_t(len(text)), &count)
	})
	return int(count), err
}

// FeedAll feeds tokens and returns the logits after each of them, [tokens, vocab].
func (s *Session) FeedAll(ctx context.Context, tokens []uint32) ([]float32, error) {
	return s.feedInto(ctx, func(buffer *C.float, length *C.size_t) C.wkv7_status {
		return C.wkv7_session_feed_all(s.object(), ids(tokens), C.size_t(len(tokens)), buffer, length)
	})
}

// Embed feeds tokens and returns the hidden state after the last, [channels], which stands for all that was fed: the
// output of the last norm; nothing without tokens. The session has no logits afterwards.
func (s *Session) Embed(ctx context.Context, tokens []uint32) ([]float32, error) {
	return s.feedInto(ctx, func(buffer *C.float, length *C.size_t) C.wkv7_status {
		return C.wkv7_session_embed(s.object(), ids(tokens), C.size_t(len(tokens)), buffer, length)
	})
}

// feedInto is twoCalls where the second call feeds, so that it happens once and can be cancelled.
func (s *Session) feedInto(
	ctx context.Context, call func(buffer *C.float, length *C.size_t) C.wkv7_status,
) ([]float32, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	var length C.size_t
	if err := check(func() C.wkv7_status { return call(nil, &length) }); err != nil || length == 0 {
		return nil, err
	}
	values := make([]float32, length)
	if err := s.during(ctx, func() C.wkv7_status { return call(floats(values), &length) }); err != nil {
		return nil, err
	}
	return values[:length], nil
}

// Top is one of the largest logits.
type Top struct {
	Token          uint32  // the token
	Logit          float32 // its logit
	LogProbability float32 // natural logarithm of its probability among all tokens
}

// Top is the largest logits after the last token, by falling logit, equal ones by rising token: n of them, or as many as
// the vocabulary has.
func (s *Session) Top(n int) ([]Top, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	return tops(n, func(call func() C.wkv7_status) error { return check(call) },
		func(buffer *C.wkv7_top, count *C.size_t) C.wkv7_status {
			return C.wkv7_session_top(s.object(), buffer, count)
		})
}

// FeedTop feeds tokens and tells the largest logits after the last as [Session.Top] does, without fetching all of them
// from a device. The session has no logits afterwards: to generate from it, feed with [Session.Feed].
func (s *Session) FeedTop(ctx context.Context, tokens []uint32, n int) ([]Top, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	return tops(n, func(call func() C.wkv7_status) error { return s.during(ctx, call) },
		func(buffer *C.wkv7_top, count *C.size_t) C.wkv7_status {
			return C.wkv7_session_feed_top(s.object(), ids(tokens), C.size_t(len(tokens)), buffer, count)
		})
}

func tops(
	n int, run func(func() C.wkv7_status) error, call func(*C.wkv7_top, *C.size_t) C.wkv7_status,
) ([]Top, error) {
	if n <= 0 {
		return nil, &Error{Status: StatusArgument, Text: "the number of largest logits is not above 0"}
	}
	// A Top is laid out as a wkv7_top is; the compiler refuses the package where their sizes differ.
	var _ [unsafe.Sizeof(Top{})]struct{} = [C.sizeof_wkv7_top]struct{}{}
	largest := make([]Top, n)
	count := C.size_t(n)
	err := run(func() C.wkv7_status { return call((*C.wkv7_top)(unsafe.Pointer(&largest[0])), &count) })
	if err != nil {
		return nil, err
	}
	return largest[:count], nil
}

// Logits is a copy of the logits after the last token, [vocab].
func (s *Session) Logits() ([]float32, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	logits, err := s.logitsView()
	return slices.Clone(logits), err
}

// LogitsView is the logits after the last token, [vocab], where the library has them. It lives until the session is
// advanced, changed or closed; keep the session reachable meanwhile.
func (s *Session) LogitsView() ([]float32, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.logitsView()
}

func (s *Session) logitsView() ([]float32, error) {
	err := check(func() C.wkv7_status { return C.wkv7_session_logits(s.object(), &s.logits, &s.count) })
	if err != nil {
		return nil, err
	}
	return view(s.logits, s.count), nil
}

// TokensSeen is the number of tokens fed since the sequence began.
func (s *Session) TokensSeen() (uint64, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	var tokens C.uint64_t
	err := check(func() C.wkv7_status { return C.wkv7_session_tokens_seen(s.object(), &tokens) })
	return uint64(tokens), err
}

// Stats is what a session's calls took.
type Stats struct {
	LastTokens       uint64  // tokens that the last call fed, or its generation made
	LastSeconds      float64 // seconds that it took
	FedTokens        uint64  // tokens that all calls fed
	FedSeconds       float64 // seconds that they took
	GeneratedTokens  uint64  // tokens that all generations made
	GeneratedSeconds float64 // seconds that they took
}

// Stats tells what the session's calls took.
func (s *Session) Stats() (Stats, error) {
	if err := s.enter(); err != nil {
		return Stats{}, err
	}
	defer s.leave()
	var stats C.wkv7_stats
	stats.struct_size = C.sizeof_wkv7_stats
	if err := check(func() C.wkv7_status { return C.wkv7_session_stats(s.object(), &stats) }); err != nil {
		return Stats{}, err
	}
	return Stats{
		LastTokens:       uint64(stats.last_tokens),
		LastSeconds:      float64(stats.last_seconds),
		FedTokens:        uint64(stats.fed_tokens),
		FedSeconds:       float64(stats.fed_seconds),
		GeneratedTokens:  uint64(stats.generated_tokens),
		GeneratedSeconds: float64(stats.generated_seconds),
	}, nil
}
