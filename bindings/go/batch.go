package wkv7

// #include "shim.h"
import "C"

import (
	"slices"
	"unsafe"
)

// Want is what a step of a batch asks for.
type Want int32

// What can be asked for.
const (
	WantNothing Want = C.WKV7_WANT_NOTHING // nothing: only the state matters
	WantLast    Want = C.WKV7_WANT_LAST    // the logits after the step's last token
	WantAll     Want = C.WKV7_WANT_ALL     // the logits after each of the step's tokens
	WantHidden  Want = C.WKV7_WANT_HIDDEN  // the hidden state after the step's last token
)

// Batch is steps of many sessions that share every weight that is read. It is for one goroutine at a time. It keeps its
// model, and its sessions until it is cleared.
type Batch struct{ *handle }

func (b *Batch) object() *C.wkv7_batch { return (*C.wkv7_batch)(b.handle.object) }

// NewBatch is an empty batch for sessions of the model.
func (m *Model) NewBatch() (*Batch, error) {
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	var object *C.wkv7_batch
	if err := check(func() C.wkv7_status { return C.wkv7_batch_new(m.object(), &object) }); err != nil {
		return nil, err
	}
	b := &Batch{}
	b.handle = own(b, unsafe.Pointer(object), func(p unsafe.Pointer) { C.wkv7_batch_free((*C.wkv7_batch)(p)) })
	return b, nil
}

// Close frees the batch.
func (b *Batch) Close() { b.close() }

// Add adds a step: tokens, which are copied, for a session that is not in the batch yet. Steps are numbered from 0 in the
// order in which they are added.
func (b *Batch) Add(session *Session, tokens []uint32, want Want) error {
	if err := session.enter(); err != nil {
		return err
	}
	defer session.leave()
	return b.call(func(batch *C.wkv7_batch) C.wkv7_status {
		return C.wkv7_batch_add(batch, session.object(), ids(tokens), C.size_t(len(tokens)), C.int32_t(want))
	})
}

// Run advances every session of the batch in one forward. Each then also has the logits of its last token, unless its
// step wants others. Running it again feeds the same tokens again.
func (b *Batch) Run() error {
	return b.call(func(batch *C.wkv7_batch) C.wkv7_status { return C.wkv7_batch_run(batch) })
}

// Clear takes all steps out.
func (b *Batch) Clear() error {
	return b.call(func(batch *C.wkv7_batch) C.wkv7_status { return C.wkv7_batch_clear(batch) })
}

// Logits is a copy of the logits that a step asked for, [rows, vocab].
func (b *Batch) Logits(step int) ([]float32, error) { return b.copied(b.LogitsView, step) }

// Hidden is a copy of the hidden state that a step asked for, [channels].
func (b *Batch) Hidden(step int) ([]float32, error) { return b.copied(b.HiddenView, step) }

func (b *Batch) copied(view func(int) ([]float32, error), step int) ([]float32, error) {
	if err := b.enter(); err != nil {
		return nil, err
	}
	defer b.leave()
	values, err := view(step)
	return slices.Clone(values), err
}

// LogitsView is the logits that a step asked for, [rows, vocab], where the library has them. It lives until the batch is
// run, cleared or closed; keep the batch reachable meanwhile.
func (b *Batch) LogitsView(step int) ([]float32, error) {
	return b.view(step, func(batch *C.wkv7_batch, data **C.float, count *C.size_t) C.wkv7_status {
		return C.wkv7_batch_logits(batch, C.size_t(step), data, count)
	})
}

// HiddenView is the hidden state that a step asked for, [channels]; it lives as long as [Batch.LogitsView] says.
func (b *Batch) HiddenView(step int) ([]float32, error) {
	return b.view(step, func(batch *C.wkv7_batch, data **C.float, count *C.size_t) C.wkv7_status {
		return C.wkv7_batch_hidden(batch, C.size_t(step), data, count)
	})
}

func (b *Batch) view(
	step int, call func(*C.wkv7_batch, **C.float, *C.size_t) C.wkv7_status,
) ([]float32, error) {
	if step < 0 {
		return nil, &Error{Status: StatusArgument, Text: "step below 0"}
	}
	var data *C.float
	var count C.size_t
	err := b.call(func(batch *C.wkv7_batch) C.wkv7_status { return call(batch, &data, &count) })
	if err != nil {
		return nil, err
	}
	return view(data, count), nil
}

func (b *Batch) call(call func(*C.wkv7_batch) C.wkv7_status) error {
	if err := b.enter(); err != nil {
		return err
	}
	defer b.leave()
	return check(func() C.wkv7_status { return call(b.object()) })
}
