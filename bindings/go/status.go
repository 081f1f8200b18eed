package wkv7

/*
#cgo pkg-config: wkv7
#include "shim.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Status is what a function of the library answers. It is an error, for errors.Is; what functions of this package return
// is an *[Error], which also has the text.
type Status int32

// The statuses. Later versions may add more.
const (
	StatusNull        Status = C.WKV7_ERR_NULL        // a pointer that must not be NULL is NULL
	StatusArgument    Status = C.WKV7_ERR_ARGUMENT    // a value outside its range, or a name that nothing has
	StatusUTF8        Status = C.WKV7_ERR_UTF8        // a text that is not UTF-8
	StatusBuffer      Status = C.WKV7_ERR_BUFFER      // a buffer that is too small
	StatusIO          Status = C.WKV7_ERR_IO          // the operating system refused a file
	StatusFile        Status = C.WKV7_ERR_FILE        // a file that is not what it should be, or is broken
	StatusUnsupported Status = C.WKV7_ERR_UNSUPPORTED // something that this build or backend cannot do
	StatusUnavailable Status = C.WKV7_ERR_UNAVAILABLE // the backend or device is not there
	StatusNoSlot      Status = C.WKV7_ERR_NO_SLOT     // all of the model's slots are in use
	StatusWrongModel  Status = C.WKV7_ERR_WRONG_MODEL // two things that belong to different models
	StatusToken       Status = C.WKV7_ERR_TOKEN       // a token outside the vocabulary
	StatusTooLarge    Status = C.WKV7_ERR_TOO_LARGE   // more than one call takes
	StatusTokenizer   Status = C.WKV7_ERR_TOKENIZER   // no vocabulary, or a text or token that it cannot translate
	StatusNothingFed  Status = C.WKV7_ERR_NOTHING_FED // there are no logits yet: feed at least one token first
	StatusBroken      Status = C.WKV7_ERR_BROKEN      // an earlier error left the session without a valid state
	StatusBusy        Status = C.WKV7_ERR_BUSY        // another call, or an open generation, is using the handle
	StatusCancelled   Status = C.WKV7_ERR_CANCELLED   // a callback, a context or another goroutine asked to stop
	StatusDevice      Status = C.WKV7_ERR_DEVICE      // the device failed, or its memory is full
	StatusPanic       Status = C.WKV7_ERR_PANIC       // a bug in the library; the handles of the call are best closed
	StatusSampling    Status = C.WKV7_ERR_SAMPLING    // a logit that no sampler can use, or no token left to sample
	StatusOther       Status = C.WKV7_ERR_OTHER       // another error; the text says which
)

// Error says in a few words what the status means.
func (s Status) Error() string {
	return "wkv7: " + C.GoString(C.wkv7_status_message(C.int32_t(s)))
}

// Error is a refusal of the library.
type Error struct {
	// Status is the kind of error.
	Status Status
	// Text is the whole story: the file, tensor or argument, what was expected and what was found.
	Text string

	cause error
}

// Error is the text, after the package's name.
func (e *Error) Error() string {
	if e.Text == "" {
		return e.Status.Error()
	}
	return "wkv7: " + e.Text
}

// Is reports whether target is the error's [Status].
func (e *Error) Is(target error) bool {
	status, ok := target.(Status)
	return ok && status == e.Status
}

// Unwrap is the cause of the context that ended the call, or nil.
func (e *Error) Unwrap() error { return e.cause }

// ErrClosed is what a closed handle answers.
var ErrClosed = errors.New("wkv7: the handle is closed")

// check makes an error of what call answers. The library keeps the text per thread, so the goroutine must not change
// its thread before it has been read.
func check(call func() C.wkv7_status) error {
	runtime.LockOSThread()
	status := call()
	if status == C.WKV7_OK {
		runtime.UnlockOSThread()
		return nil
	}
	err := &Error{Status: Status(status), Text: C.GoString(C.wkv7_last_error())}
	runtime.UnlockOSThread()
	return err
}

// withCause adds the context's cause to err where ctx is why the library was told to stop.
func withCause(ctx context.Context, err error) error {
	var refusal *Error
	if ctx.Err() != nil && errors.As(err, &refusal) && refusal.Status == StatusCancelled {
		refusal.cause = context.Cause(ctx)
		refusal.Text = fmt.Sprintf("%s: %v", refusal.Text, refusal.cause)
	}
	return err
}

// ended is the error of a call that did not begin because its context had ended.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	return &Error{Status: StatusCancelled, Text: fmt.Sprintf("not begun: %v", cause), cause: cause}
}
