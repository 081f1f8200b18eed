package wkv7

// #include "shim.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// chars is where the bytes of s lie, for the time of a call; NULL may stand for the empty text.
func chars(s string) *C.char { return (*C.char)(unsafe.Pointer(unsafe.StringData(s))) }

// ids is where tokens lie, for the time of a call.
func ids(tokens []uint32) *C.uint32_t { return (*C.uint32_t)(unsafe.SliceData(tokens)) }

// floats is where values lie, for the time of a call.
func floats(values []float32) *C.float { return (*C.float)(unsafe.SliceData(values)) }

// view is the library's own memory as a slice.
func view(data *C.float, count C.size_t) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(data)), int(count))
}

// pinnedText is s for a struct that a call reads, unmoved until the pinner lets go.
func pinnedText(pinner *runtime.Pinner, s string) C.wkv7_text {
	if s == "" {
		return C.wkv7_text{}
	}
	data := unsafe.StringData(s)
	pinner.Pin(data)
	return C.wkv7_text{data: (*C.char)(unsafe.Pointer(data)), len: C.size_t(len(s))}
}

// pinnedArray is where the elements of s lie for a struct that a call reads, unmoved until the pinner lets go.
func pinnedArray[T any](pinner *runtime.Pinner, s []T) unsafe.Pointer {
	if len(s) == 0 {
		return nil
	}
	pinner.Pin(unsafe.SliceData(s))
	return unsafe.Pointer(unsafe.SliceData(s))
}

// twoCalls reads a two-call buffer: asks for the length, then for the content, and again where it grew in between.
func twoCalls[T any](call func(buffer *T, length *C.size_t) C.wkv7_status) ([]T, error) {
	var length C.size_t
	if err := check(func() C.wkv7_status { return call(nil, &length) }); err != nil {
		return nil, err
	}
	for length > 0 {
		buffer := make([]T, length)
		err := check(func() C.wkv7_status { return call(&buffer[0], &length) })
		if err == nil {
			return buffer[:length], nil
		}
		if refusal, ok := err.(*Error); !ok || refusal.Status != StatusBuffer {
			return nil, err
		}
	}
	return nil, nil
}

// twoCallText is twoCalls for a text.
func twoCallText(call func(buffer *C.char, length *C.size_t) C.wkv7_status) (string, error) {
	bytes, err := twoCalls(func(buffer *byte, length *C.size_t) C.wkv7_status {
		return call((*C.char)(unsafe.Pointer(buffer)), length)
	})
	return string(bytes), err
}
