package wkv7

// #include "shim.h"
import "C"

import "runtime"

// Role is who speaks.
type Role int32

// The roles.
const (
	RoleSystem    Role = C.WKV7_ROLE_SYSTEM    // whoever set the model its task
	RoleUser      Role = C.WKV7_ROLE_USER      // whoever asks
	RoleAssistant Role = C.WKV7_ROLE_ASSISTANT // the model
	RoleTool      Role = C.WKV7_ROLE_TOOL      // a function's output
)

// Message is one turn of a conversation.
type Message struct {
	Role Role   // who speaks
	Text string // what is said
}

// Chat is how a conversation becomes the text that models were trained on. The zero value of each field is its default.
type Chat struct {
	// Family of the model: "g1" (the default) or "world".
	Family string
	// Think is how the next answer thinks: "plain" (the default), "off", "fake", "think", "bit", "some" or "lot".
	Think string
	// Tools are functions that the model may call, as a JSON array of objects: name, and arguments, an array of objects:
	// name, type, optional. The next answer is then a call.
	Tools string
}

// Render is the whole conversation as text, open for the next answer.
func (c Chat) Render(messages []Message) (string, error) {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	list := make([]C.wkv7_message, len(messages))
	for i, m := range messages {
		list[i] = C.wkv7_message{text: pinnedText(&pinner, m.Text), role: C.int32_t(m.Role)}
	}
	first := (*C.wkv7_message)(pinnedArray(&pinner, list))
	return c.text(&pinner, func(o *C.wkv7_chat_options, buffer *C.char, length *C.size_t) C.wkv7_status {
		return C.wkv7_chat_render(o, first, C.size_t(len(list)), buffer, length)
	})
}

// Turn is what to feed to a session after an answer that ended at a stop text or the end of text: the next message, open
// for the next answer.
func (c Chat) Turn(next Message) (string, error) {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	message := C.wkv7_message{text: pinnedText(&pinner, next.Text), role: C.int32_t(next.Role)}
	return c.text(&pinner, func(o *C.wkv7_chat_options, buffer *C.char, length *C.size_t) C.wkv7_status {
		return C.wkv7_chat_turn(o, &message, buffer, length)
	})
}

// Stops are the texts at which an answer ends.
func (c Chat) Stops() ([]string, error) {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	var stops []string
	for {
		text, err := c.text(&pinner, func(o *C.wkv7_chat_options, buffer *C.char, length *C.size_t) C.wkv7_status {
			return C.wkv7_chat_stop(o, C.size_t(len(stops)), buffer, length)
		})
		if err != nil || text == "" {
			return stops, err
		}
		stops = append(stops, text)
	}
}

// Answer is what was said in a generated answer, without the thinking: what a later Render wants as the assistant's
// message.
func (c Chat) Answer(generated string) (string, error) {
	var pinner runtime.Pinner
	defer pinner.Unpin()
	return c.text(&pinner, func(o *C.wkv7_chat_options, buffer *C.char, length *C.size_t) C.wkv7_status {
		return C.wkv7_chat_answer(o, chars(generated), C.size_t(len(generated)), buffer, length)
	})
}

func (c Chat) text(
	pinner *runtime.Pinner, call func(*C.wkv7_chat_options, *C.char, *C.size_t) C.wkv7_status,
) (string, error) {
	var options C.wkv7_chat_options
	if err := check(func() C.wkv7_status {
		return C.wkv7_chat_options_init(&options, C.sizeof_wkv7_chat_options)
	}); err != nil {
		return "", err
	}
	options.family = pinnedText(pinner, c.Family)
	options.think = pinnedText(pinner, c.Think)
	options.tools = pinnedText(pinner, c.Tools)
	return twoCallText(func(buffer *C.char, length *C.size_t) C.wkv7_status {
		return call(&options, buffer, length)
	})
}
