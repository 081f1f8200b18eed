package wkv7

// #include "shim.h"
import "C"

import "unsafe"

// Tokenizer is a vocabulary. Any number of goroutines may use it at once.
type Tokenizer struct{ *handle }

func (t *Tokenizer) object() *C.wkv7_tokenizer { return (*C.wkv7_tokenizer)(t.handle.object) }

// Tokenizer is the vocabulary of the model.
func (m *Model) Tokenizer() (*Tokenizer, error) {
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	return newTokenizer(func(t **C.wkv7_tokenizer) C.wkv7_status { return C.wkv7_model_tokenizer(m.object(), t) })
}

// OpenTokenizer opens a vocabulary without a model: "world", "bytes", or the path of a file, the official text form or a
// tokenizer.json.
func OpenTokenizer(name string) (*Tokenizer, error) {
	return newTokenizer(func(t **C.wkv7_tokenizer) C.wkv7_status {
		return C.wkv7_tokenizer_open(chars(name), C.size_t(len(name)), t)
	})
}

func newTokenizer(call func(**C.wkv7_tokenizer) C.wkv7_status) (*Tokenizer, error) {
	var object *C.wkv7_tokenizer
	if err := check(func() C.wkv7_status { return call(&object) }); err != nil {
		return nil, err
	}
	t := &Tokenizer{}
	t.handle = own(t, unsafe.Pointer(object), func(p unsafe.Pointer) { C.wkv7_tokenizer_free((*C.wkv7_tokenizer)(p)) })
	return t, nil
}

// Close frees the tokenizer.
func (t *Tokenizer) Close() { t.close() }

// Size is one more than the largest id that the vocabulary has.
func (t *Tokenizer) Size() (int, error) {
	if err := t.enter(); err != nil {
		return 0, err
	}
	defer t.leave()
	var size C.size_t
	err := check(func() C.wkv7_status { return C.wkv7_tokenizer_size(t.object(), &size) })
	return int(size), err
}

// EndOfText is the token that ends a text; -1 where there is none.
func (t *Tokenizer) EndOfText() (int64, error) {
	if err := t.enter(); err != nil {
		return 0, err
	}
	defer t.leave()
	var token C.int64_t
	err := check(func() C.wkv7_status { return C.wkv7_tokenizer_end_of_text(t.object(), &token) })
	return int64(token), err
}

// Encode makes tokens of a text. Any bytes will do, except where a tokenizer.json wants UTF-8.
func (t *Tokenizer) Encode(text string) ([]uint32, error) {
	if err := t.enter(); err != nil {
		return nil, err
	}
	defer t.leave()
	return twoCalls(func(buffer *uint32, length *C.size_t) C.wkv7_status {
		return C.wkv7_tokenizer_encode(t.object(), chars(text), C.size_t(len(text)), (*C.uint32_t)(buffer), length)
	})
}

// Decode joins the bytes of tokens; they may begin or end inside a character, see [Decoder].
func (t *Tokenizer) Decode(tokens []uint32) ([]byte, error) {
	if err := t.enter(); err != nil {
		return nil, err
	}
	defer t.leave()
	return twoCalls(func(buffer *byte, length *C.size_t) C.wkv7_status {
		return C.wkv7_tokenizer_decode(
			t.object(), ids(tokens), C.size_t(len(tokens)), (*C.char)(unsafe.Pointer(buffer)), length)
	})
}

// Token is the bytes that a token stands for; none for the end of text and other special tokens.
func (t *Tokenizer) Token(token uint32) ([]byte, error) {
	if err := t.enter(); err != nil {
		return nil, err
	}
	defer t.leave()
	var bytes *C.char
	var length C.size_t
	err := check(func() C.wkv7_status {
		return C.wkv7_tokenizer_token(t.object(), C.uint32_t(token), &bytes, &length)
	})
	if err != nil {
		return nil, err
	}
	return C.GoBytes(unsafe.Pointer(bytes), C.int(length)), nil
}

// Decoder turns tokens into text as they come; no character is cut. It is for one goroutine at a time.
type Decoder struct {
	*handle
	text   *C.char
	length C.size_t
}

func (d *Decoder) object() *C.wkv7_decoder { return (*C.wkv7_decoder)(d.handle.object) }

// NewDecoder is a decoder at the start of a text. It keeps its vocabulary.
func (t *Tokenizer) NewDecoder() (*Decoder, error) {
	if err := t.enter(); err != nil {
		return nil, err
	}
	defer t.leave()
	var object *C.wkv7_decoder
	if err := check(func() C.wkv7_status { return C.wkv7_decoder_new(t.object(), &object) }); err != nil {
		return nil, err
	}
	d := &Decoder{}
	d.handle = own(d, unsafe.Pointer(object), func(p unsafe.Pointer) { C.wkv7_decoder_free((*C.wkv7_decoder)(p)) })
	return d, nil
}

// Close frees the decoder.
func (d *Decoder) Close() { d.close() }

// Push takes the next token and returns the text that is certain now, often none.
func (d *Decoder) Push(token uint32) (string, error) {
	return d.next(func() C.wkv7_status {
		return C.wkv7_decoder_push(d.object(), C.uint32_t(token), &d.text, &d.length)
	})
}

// Finish ends the text: half a character becomes U+FFFD, and the decoder is as new.
func (d *Decoder) Finish() (string, error) {
	return d.next(func() C.wkv7_status { return C.wkv7_decoder_finish(d.object(), &d.text, &d.length) })
}

func (d *Decoder) next(call func() C.wkv7_status) (string, error) {
	if err := d.enter(); err != nil {
		return "", err
	}
	defer d.leave()
	if err := check(call); err != nil {
		return "", err
	}
	return C.GoStringN(d.text, C.int(d.length)), nil
}
