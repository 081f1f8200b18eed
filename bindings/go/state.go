package wkv7

// #include "shim.h"
import "C"

import (
	"slices"
	"unsafe"
)

// StatePart is one of the parts of a state.
type StatePart int32

// The parts, with their shapes.
const (
	PartAttShift StatePart = C.WKV7_STATE_ATT_SHIFT // [layers, channels]: each layer's last time mix input
	PartWKV      StatePart = C.WKV7_STATE_WKV       // [layers, heads, head size (value), head size (key)]: the memory
	PartFFNShift StatePart = C.WKV7_STATE_FFN_SHIFT // [layers, channels]: each layer's last channel mix input
	PartLogits   StatePart = C.WKV7_STATE_LOGITS    // [vocab]: the logits after the last token; may be empty
)

// State is all that a sequence remembers at one moment, with the last logits. Its size does not depend on the number of
// tokens. It is for one goroutine at a time.
type State struct{ *handle }

func (s *State) object() *C.wkv7_state { return (*C.wkv7_state)(s.handle.object) }

func newState(call func(**C.wkv7_state) C.wkv7_status) (*State, error) {
	var object *C.wkv7_state
	if err := check(func() C.wkv7_status { return call(&object) }); err != nil {
		return nil, err
	}
	s := &State{}
	s.handle = own(s, unsafe.Pointer(object), func(p unsafe.Pointer) { C.wkv7_state_free((*C.wkv7_state)(p)) })
	return s, nil
}

func (m *Model) newState(call func(*C.wkv7_model, **C.wkv7_state) C.wkv7_status) (*State, error) {
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	return newState(func(s **C.wkv7_state) C.wkv7_status { return call(m.object(), s) })
}

// NewState is the state of a sequence that has seen nothing: zeros.
func (m *Model) NewState() (*State, error) {
	return m.newState(func(m *C.wkv7_model, s **C.wkv7_state) C.wkv7_status { return C.wkv7_state_new(m, s) })
}

// LoadState reads the state file at path; one of another model is refused.
func (m *Model) LoadState(path string) (*State, error) {
	return m.newState(func(m *C.wkv7_model, s **C.wkv7_state) C.wkv7_status {
		return C.wkv7_state_load(m, chars(path), C.size_t(len(path)), s)
	})
}

// LoadTunedState reads a tuned initial state at path, as trainers write it: tensors blocks.N.att.time_state.
// Transposed: it is stored as (key, value), as web-rwkv's converter does.
func (m *Model) LoadTunedState(path string, transposed bool) (*State, error) {
	return m.newState(func(m *C.wkv7_model, s **C.wkv7_state) C.wkv7_status {
		return C.wkv7_state_load_tuned(m, chars(path), C.size_t(len(path)), C.int32_t(flag(transposed)), s)
	})
}

// StateFromBytes reads the bytes of a state file; one of another model is refused.
func (m *Model) StateFromBytes(data []byte) (*State, error) {
	return m.newState(func(m *C.wkv7_model, s **C.wkv7_state) C.wkv7_status {
		return C.wkv7_state_from_bytes(m, unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), s)
	})
}

// State reads all that the session remembers.
func (s *Session) State() (*State, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	return newState(func(state **C.wkv7_state) C.wkv7_status { return C.wkv7_session_state(s.object(), state) })
}

// SetState lets the session continue from a state. One of another model is refused.
func (s *Session) SetState(state *State) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return state.read(func(state *C.wkv7_state) C.wkv7_status { return C.wkv7_session_set_state(s.object(), state) })
}

// read calls with the state.
func (s *State) read(call func(*C.wkv7_state) C.wkv7_status) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return check(func() C.wkv7_status { return call(s.object()) })
}

// Close frees the state.
func (s *State) Close() { s.close() }

// Save writes a state file: safetensors, with the model's fingerprint. The place never holds half a file.
func (s *State) Save(path string) error {
	return s.read(func(state *C.wkv7_state) C.wkv7_status {
		return C.wkv7_state_save(state, chars(path), C.size_t(len(path)))
	})
}

// Bytes are those of a state file.
func (s *State) Bytes() ([]byte, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	return twoCalls(func(buffer *byte, length *C.size_t) C.wkv7_status {
		return C.wkv7_state_to_bytes(s.object(), unsafe.Pointer(buffer), length)
	})
}

// Part is a copy of a part.
func (s *State) Part(part StatePart) ([]float32, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	values, err := s.PartView(part)
	return slices.Clone(values), err
}

// PartView is a part where the library has it. It lives until the state is closed, and [State.SetPart] changes what it
// shows; keep the state reachable meanwhile.
func (s *State) PartView(part StatePart) ([]float32, error) {
	var data *C.float
	var count C.size_t
	err := s.read(func(state *C.wkv7_state) C.wkv7_status {
		return C.wkv7_state_get_part(state, C.int32_t(part), &data, &count)
	})
	if err != nil {
		return nil, err
	}
	return view(data, count), nil
}

// SetPart changes a part: as many values as it has. The logits, which belong to what was there before, are set to nothing
// unless they are the part.
func (s *State) SetPart(part StatePart, values []float32) error {
	return s.read(func(state *C.wkv7_state) C.wkv7_status {
		return C.wkv7_state_set_part(state, C.int32_t(part), floats(values), C.size_t(len(values)))
	})
}

// TokensSeen is the number of tokens that led to the state.
func (s *State) TokensSeen() (uint64, error) {
	var tokens C.uint64_t
	err := s.read(func(state *C.wkv7_state) C.wkv7_status { return C.wkv7_state_tokens_seen(state, &tokens) })
	return uint64(tokens), err
}
