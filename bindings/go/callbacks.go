package wkv7

// #include "shim.h"
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// callback is a Go function that the library calls. A panic must not fly through the library's frames: it waits here
// until the call has returned.
type callback[F any] struct {
	call     F
	panicked any
	failed   bool
}

// guard runs body; its answer is 1, which means stop, where it panics.
func (c *callback[F]) guard(body func() C.int32_t) (answer C.int32_t) {
	finished := false
	defer func() {
		if !finished {
			c.panicked, c.failed, answer = recover(), true, 1
		}
	}()
	answer = body()
	finished = true
	return answer
}

// rethrow goes on with a panic of the function, on its caller's own frames.
func (c *callback[F]) rethrow() {
	if c.failed {
		panic(c.panicked)
	}
}

func stop(yes bool) C.int32_t {
	if yes {
		return 1
	}
	return 0
}

//export wkv7GoProgress
func wkv7GoProgress(user C.uintptr_t, done, total C.uint64_t) C.int32_t {
	c := cgo.Handle(user).Value().(*callback[func(done, total uint64) bool])
	return c.guard(func() C.int32_t { return stop(!c.call(uint64(done), uint64(total))) })
}

//export wkv7GoPiece
func wkv7GoPiece(user C.uintptr_t, piece *C.wkv7_piece) C.int32_t {
	c := cgo.Handle(user).Value().(*callback[func(Piece) bool])
	return c.guard(func() C.int32_t { return stop(!c.call(pieceOf(piece))) })
}

//export wkv7GoTuneStep
func wkv7GoTuneStep(user C.uintptr_t, progress *C.wkv7_tune_progress) C.int32_t {
	c := cgo.Handle(user).Value().(*callback[func(TuneStep) bool])
	return c.guard(func() C.int32_t { return stop(!c.call(tuneStepOf(progress))) })
}

//export wkv7GoRelease
func wkv7GoRelease(user C.uintptr_t) {
	h := cgo.Handle(user)
	shared := h.Value().(*sharedBytes)
	h.Delete()
	shared.release()
}

//export wkv7GoLog
func wkv7GoLog(_ C.uintptr_t, level C.int32_t, message *C.char, length C.size_t) {
	if f := logFunction.Load(); f != nil {
		(*f)(LogLevel(level), unsafe.String((*byte)(unsafe.Pointer(message)), int(length)))
	}
}
