package wkv7

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// handle owns an object of the library: freed once, when it is closed and no call is inside it.
type handle struct {
	object unsafe.Pointer
	free   func(unsafe.Pointer)
	uses   atomic.Int64 // calls inside, and one more while it is open
	closed atomic.Bool
}

// own makes the handle of object, and lets it be closed when owner is garbage.
func own[T any](owner *T, object unsafe.Pointer, free func(unsafe.Pointer)) *handle {
	h := &handle{object: object, free: free}
	h.uses.Store(1)
	runtime.AddCleanup(owner, (*handle).close, h)
	return h
}

// enter lets a call use the object until leave, whoever closes the handle meanwhile.
func (h *handle) enter() error {
	if h == nil {
		return ErrClosed
	}
	// Counted before looking, so that a closing that is not seen here sees this call.
	for {
		uses := h.uses.Load()
		if uses == 0 || h.closed.Load() {
			return ErrClosed
		}
		if h.uses.CompareAndSwap(uses, uses+1) {
			return nil
		}
	}
}

func (h *handle) leave() {
	if h.uses.Add(-1) == 0 {
		h.free(h.object)
	}
}

func (h *handle) close() {
	if h != nil && h.closed.CompareAndSwap(false, true) {
		h.leave()
	}
}
