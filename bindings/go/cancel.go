package wkv7

// #include "shim.h"
import "C"

import (
	"context"
	"sync"
)

// cancelling keeps apart who asked a session to stop: a call to Cancel, which holds until it is cleared, or the context
// of a call, which must not reach beyond that call.
type cancelling struct {
	lock     sync.Mutex
	asked    bool // by Cancel
	contexts int  // ended contexts of calls that go on
}

// Cancel asks the session to stop, from any goroutine: feeding stops between two forwards, generating before its next
// token, with [StatusCancelled]. It holds for later calls as well, until [Session.ClearCancel].
func (s *Session) Cancel() error {
	return s.mark(func(c *cancelling) { c.asked = true })
}

// ClearCancel lets a cancelled session work again; what it was fed, it holds.
func (s *Session) ClearCancel() error {
	return s.mark(func(c *cancelling) { c.asked = false })
}

func (s *Session) mark(change func(*cancelling)) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.markEntered(change)
}

// markEntered changes who asked, and the library's flag with it, for a caller that has entered the session.
func (s *Session) markEntered(change func(*cancelling)) error {
	s.cancel.lock.Lock()
	defer s.cancel.lock.Unlock()
	change(&s.cancel)
	return check(func() C.wkv7_status {
		if s.cancel.asked || s.cancel.contexts > 0 {
			return C.wkv7_session_cancel(s.object())
		}
		return C.wkv7_session_clear_cancel(s.object())
	})
}

// watch cancels the session when ctx ends, until the function that it returns is called; what ctx asked for is then
// forgotten. The caller has entered the session and leaves it later than that.
func (s *Session) watch(ctx context.Context) (unwatch func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	marked := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		defer close(marked)
		_ = s.markEntered(func(c *cancelling) { c.contexts++ }) // refuses NULL only
	})
	return func() {
		if !forget() {
			<-marked
			_ = s.markEntered(func(c *cancelling) { c.contexts-- })
		}
	}
}

// during is check, with the session cancelled when ctx ends.
func (s *Session) during(ctx context.Context, call func() C.wkv7_status) error {
	if ctx.Done() == nil {
		return check(call)
	}
	if ctx.Err() != nil {
		return ended(ctx)
	}
	defer s.watch(ctx)()
	return withCause(ctx, check(call))
}
