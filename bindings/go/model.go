package wkv7

// #include "shim.h"
import "C"

import (
	"context"
	"encoding/json"
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// Model is a loaded model. Any number of goroutines may use it at once. Sessions, tokenizers and batches made from it
// keep what they need of it, so it can be closed before them.
type Model struct{ *handle }

func (m *Model) object() *C.wkv7_model { return (*C.wkv7_model)(m.handle.object) }

// Open opens the checkpoint at path, a file or a folder, whatever its format: .pth, safetensors, a Hugging Face folder,
// GGUF, rwkv.cpp. The options may be nil. The weights stay in the file, which must not change while the model lives.
// A context that ends while the model is loaded ends the loading.
func Open(ctx context.Context, path string, options *ModelOptions) (*Model, error) {
	return newModel(ctx, options, func(o *C.wkv7_model_options, model **C.wkv7_model) C.wkv7_status {
		return C.wkv7_model_open(chars(path), C.size_t(len(path)), o, model)
	})
}

// OpenBuiltIn opens the model inside the library, a very small one that tells little stories in English: for a first try,
// and for tests that need no file.
func OpenBuiltIn(ctx context.Context, options *ModelOptions) (*Model, error) {
	return newModel(ctx, options, func(o *C.wkv7_model_options, model **C.wkv7_model) C.wkv7_status {
		return C.wkv7_model_open_built_in(o, model)
	})
}

// OpenBytes opens a checkpoint of one file that lies in memory; the library copies it.
func OpenBytes(ctx context.Context, data []byte, options *ModelOptions) (*Model, error) {
	return newModel(ctx, options, func(o *C.wkv7_model_options, model **C.wkv7_model) C.wkv7_status {
		return C.wkv7_model_from_memory(unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), nil, nil, o, model)
	})
}

// OpenShared is [OpenBytes] without the copy: data, which may also be a mapped file, is pinned and must stay as it is
// until released is called, from any goroutine, when the model and all that was made from it are closed, or when this
// call fails. released may be nil; it must not panic.
func OpenShared(ctx context.Context, data []byte, options *ModelOptions, released func()) (*Model, error) {
	shared := &sharedBytes{released: released}
	if len(data) > 0 {
		shared.pinner.Pin(unsafe.SliceData(data))
	}
	user := cgo.NewHandle(shared)
	begun := false
	model, err := newModel(ctx, options, func(o *C.wkv7_model_options, model **C.wkv7_model) C.wkv7_status {
		begun = true // from here on the library calls back, also where it fails
		return C.wkv7_go_model_from_shared(
			unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), C.uintptr_t(user), o, model)
	})
	if !begun {
		user.Delete()
		shared.release()
	}
	return model, err
}

// sharedBytes are bytes that a model borrows.
type sharedBytes struct {
	pinner   runtime.Pinner
	released func()
}

func (s *sharedBytes) release() {
	s.pinner.Unpin()
	if s.released != nil {
		s.released()
	}
}

func newModel(
	ctx context.Context, options *ModelOptions, call func(*C.wkv7_model_options, **C.wkv7_model) C.wkv7_status,
) (*Model, error) {
	var object *C.wkv7_model
	err := options.open(ctx, func(o *C.wkv7_model_options) C.wkv7_status { return call(o, &object) })
	if err != nil {
		return nil, err
	}
	m := &Model{}
	m.handle = own(m, unsafe.Pointer(object), func(p unsafe.Pointer) { C.wkv7_model_free((*C.wkv7_model)(p)) })
	return m, nil
}

// Close frees the model.
func (m *Model) Close() { m.close() }

// ModelInfo is what is known of a model.
type ModelInfo struct {
	Layers             int    // layers
	Channels           int    // width of the model and of its hidden state
	Heads              int    // heads of each layer
	HeadSize           int    // channels of a head
	FFN                int    // hidden units of the channel mix
	Vocab              int    // tokens of the vocabulary: the number of logits
	Slots              int    // sessions that can be open at once
	MaxTokens          int    // tokens that one forward takes
	Parameters         uint64 // numbers in all weights
	FileBytes          uint64 // bytes of the file; 0 where there was none
	WeightBytes        uint64 // bytes of all weights
	PackedBytes        uint64 // bytes that the backend copied or packed when it loaded
	BytesPerToken      uint64 // bytes of weights that decoding one token touches
	OperationsPerToken uint64 // multiplications and additions of one token
	EndOfText          int64  // the token that ends a text; -1 where there is none
	Fingerprint        string // identity of the weights, whatever the file
	Dtype              string // the element type of most bytes of the weights, such as "F16"
	Backend            string // the backend that runs it
	Format             string // how it was stored; empty where there was no file
}

// Info tells what is known of the model.
func (m *Model) Info() (ModelInfo, error) {
	if err := m.enter(); err != nil {
		return ModelInfo{}, err
	}
	defer m.leave()
	var i C.wkv7_model_info
	i.struct_size = C.sizeof_wkv7_model_info
	if err := check(func() C.wkv7_status { return C.wkv7_model_get_info(m.object(), &i) }); err != nil {
		return ModelInfo{}, err
	}
	return ModelInfo{
		Layers:             int(i.layers),
		Channels:           int(i.channels),
		Heads:              int(i.heads),
		HeadSize:           int(i.head_size),
		FFN:                int(i.ffn),
		Vocab:              int(i.vocab),
		Slots:              int(i.slots),
		MaxTokens:          int(i.max_tokens),
		Parameters:         uint64(i.parameters),
		FileBytes:          uint64(i.file_bytes),
		WeightBytes:        uint64(i.weight_bytes),
		PackedBytes:        uint64(i.packed_bytes),
		BytesPerToken:      uint64(i.bytes_per_token),
		OperationsPerToken: uint64(i.operations_per_token),
		EndOfText:          int64(i.end_of_text),
		Fingerprint:        C.GoString(&i.fingerprint[0]),
		Dtype:              C.GoString(&i.dtype[0]),
		Backend:            C.GoString(&i.backend[0]),
		Format:             C.GoString(&i.format[0]),
	}, nil
}

// JSON is all that is known of the model, as a JSON object: what [Model.Info] tells and, of varying content, the file's
// own metadata and chat template, bytes by element type, how the backend computes and what it packed.
func (m *Model) JSON() (json.RawMessage, error) {
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	text, err := twoCallText(func(buffer *C.char, length *C.size_t) C.wkv7_status {
		return C.wkv7_model_json(m.object(), buffer, length)
	})
	return json.RawMessage(text), err
}
