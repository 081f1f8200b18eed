//! Conversations as the text that models were trained on.

use std::ffi::c_char;

use wkv7::chat::{Message, Role, Template, Think, Tool};

use crate::args::wkv7_text;
use crate::call::{Fault, run};
use crate::sized::{self, Sized};
use crate::status::wkv7_status;

/// Who speaks.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wkv7_role {
    /// Whoever set the model its task.
    WKV7_ROLE_SYSTEM = 0,
    /// Whoever asks.
    WKV7_ROLE_USER = 1,
    /// The model.
    WKV7_ROLE_ASSISTANT = 2,
    /// A function's output.
    WKV7_ROLE_TOOL = 3,
}

/// One turn of a conversation.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_message {
    /// What is said.
    pub text: wkv7_text,
    /// One of wkv7_role.
    pub role: i32,
}

/// How a conversation becomes text. An empty text is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_chat_options {
    /// sizeof(wkv7_chat_options); wkv7_chat_options_init() sets it.
    pub struct_size: usize,
    /// The family of the model: "g1" (the default) or "world". `template` in other languages, where C++ keeps the word.
    pub family: wkv7_text,
    /// How the next answer thinks: "plain" (the default), "off", "fake", "think", "bit", "some" or "lot".
    pub think: wkv7_text,
    /// Functions that the model may call, as a JSON array of objects: name, and arguments, an array of objects: name, type,
    /// optional. The next answer is then a call.
    pub tools: wkv7_text,
}

// SAFETY: `repr(C)`, begins with its size; zeros are empty texts.
unsafe impl Sized for wkv7_chat_options {
    const NAME: &'static str = "wkv7_chat_options";
    const FIRST: usize = std::mem::offset_of!(Self, think);
}

/// Sets every option to its default. `struct_size` is sizeof(wkv7_chat_options).
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_chat_options_init(options: *mut wkv7_chat_options, struct_size: usize) -> wkv7_status {
    run(|| c!(zero(options, struct_size)))
}

#[derive(Default)]
struct Options {
    template: Template,
    think: Think,
    tools: Vec<Tool>,
}

fn read(options: *const wkv7_chat_options) -> Result<Options, Fault> {
    let mut read = Options::default();
    // SAFETY: the header's contract for structs.
    let Some(given) = (unsafe { sized::read(options) })? else { return Ok(read) };
    match c!(field(given.family, "family"))? {
        "" => {}
        name => read.template = name.parse().map_err(Fault::from)?,
    }
    match c!(field(given.think, "think"))? {
        "" => {}
        name => read.think = name.parse().map_err(Fault::from)?,
    }
    match c!(field(given.tools, "tools"))? {
        "" => {}
        tools => read.tools = serde_json::from_str(tools).map_err(|why| Fault::argument("tools", why))?,
    }
    Ok(read)
}

fn message(given: &wkv7_message) -> Result<Message, Fault> {
    let role = match given.role {
        0 => Role::System,
        1 => Role::User,
        2 => Role::Assistant,
        3 => Role::Tool,
        other => return Err(Fault::argument("role", format!("{other} is not one of wkv7_role"))),
    };
    Ok(Message::new(role, c!(field(given.text, "text"))?))
}

/// The whole conversation as text, open for the next answer. `options` may be NULL. A two-call text.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_chat_render(
    options: *const wkv7_chat_options,
    messages: *const wkv7_message,
    count: usize,
    text: *mut c_char,
    text_len: *mut usize,
) -> wkv7_status {
    run(|| {
        let Options { template, think, tools } = read(options)?;
        let messages = c!(slice(messages, count, "messages"))?;
        let messages = messages.iter().map(message).collect::<Result<Vec<_>, _>>()?;
        c!(copy_text(&template.render(&messages, think, &tools), text, text_len, "text"))
    })
}

/// What to feed to a session after an answer that ended at a stop text or the end of text: the next message, open for the
/// next answer. `options` may be NULL. A two-call text.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_chat_turn(
    options: *const wkv7_chat_options,
    next: *const wkv7_message,
    text: *mut c_char,
    text_len: *mut usize,
) -> wkv7_status {
    run(|| {
        let Options { template, think, tools } = read(options)?;
        let next = message(c!(shared(next, "next"))?)?;
        c!(copy_text(&template.turn(&next, think, &tools), text, text_len, "text"))
    })
}

/// The text number `index`, from 0, at which an answer ends; empty beyond the last. `options` may be NULL. A two-call text.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_chat_stop(
    options: *const wkv7_chat_options,
    index: usize,
    text: *mut c_char,
    text_len: *mut usize,
) -> wkv7_status {
    run(|| {
        let Options { template, tools, .. } = read(options)?;
        let stops = template.stops(&tools);
        c!(copy_text(stops.get(index).map_or("", String::as_str), text, text_len, "text"))
    })
}

/// What was said in a generated answer, without the thinking: what a later wkv7_chat_render() wants as the assistant's
/// message. `options` are those that opened the answer; may be NULL. A two-call text.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_chat_answer(
    options: *const wkv7_chat_options,
    generated: *const c_char,
    generated_len: usize,
    text: *mut c_char,
    text_len: *mut usize,
) -> wkv7_status {
    run(|| {
        let Options { template, think, tools } = read(options)?;
        let generated = c!(text(generated, generated_len, "generated"))?;
        c!(copy_text(&template.answer(generated, think, &tools), text, text_len, "text"))
    })
}
