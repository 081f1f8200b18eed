//! A small stack machine that reads the pickle of a torch archive.
//!
//! It knows the opcodes that such archives use and no others, and it calls nothing: the few names that may
//! appear ([`Global`]) stand for steps written here. Work and memory are bounded by [`MAX_STEPS`], since
//! the format has no loops and every step adds at most one value.

use std::collections::HashMap;

use super::value::{Global, Heap, Storage, Value, View};
use crate::error::{Problem, shown};

/// Opcodes in one pickle; a model of 2,000 tensors takes 70,000.
const MAX_STEPS: usize = 1_000_000;
/// Bytes of one text or name.
const MAX_TEXT: usize = 4_096;
/// Dimensions of a tensor.
const MAX_DIMENSIONS: usize = 8;

/// Runs `code` and gives the value that it ends with, and what that value refers to.
pub(super) fn run(code: &[u8]) -> Result<(Value<'_>, Heap<'_>), Problem> {
    let mut machine = Machine::new(code);
    for _ in 0..MAX_STEPS {
        machine.start = machine.at;
        let stopped = machine.step().map_err(|what| {
            Problem::broken(super::FORMAT, format!("data.pkl at byte {}: {what}", machine.start))
        })?;
        if let Some(value) = stopped {
            return Ok((value, machine.heap));
        }
    }
    Err(Problem::broken(super::FORMAT, format!("data.pkl has more than {MAX_STEPS} opcodes")))
}

struct Machine<'a> {
    code: &'a [u8],
    at: usize,
    start: usize, // of the current opcode
    stack: Vec<Value<'a>>,
    marks: Vec<usize>, // heights of the stack
    memo: HashMap<u32, Value<'a>>,
    heap: Heap<'a>,
}

impl<'a> Machine<'a> {
    fn new(code: &'a [u8]) -> Self {
        Self {
            code,
            at: 0,
            start: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            heap: Heap::default(),
        }
    }

    /// One opcode; the final value after STOP.
    fn step(&mut self) -> Result<Option<Value<'a>>, String> {
        let [opcode] = self.array("an opcode")?;
        match opcode {
            b'.' => return self.pop().map(Some),
            0x80 => self.protocol()?,
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(Value::None),
            0x88 | 0x89 => self.stack.push(Value::Bool),
            b'K' => self.array::<1>("a number").map(|[n]| self.stack.push(Value::Int(n.into())))?,
            b'M' => {
                self.array("a number").map(|n| self.stack.push(Value::Int(u16::from_le_bytes(n).into())))?
            }
            b'J' => {
                self.array("a number").map(|n| self.stack.push(Value::Int(i32::from_le_bytes(n).into())))?
            }
            0x8a => self.long()?,
            b'G' => self.array::<8>("a float").map(|_| self.stack.push(Value::Float))?,
            b'X' => self.text()?,
            b']' => self.stack.push(Value::List),
            b'}' => self.push_dict(),
            b')' => self.push_tuple(0)?,
            0x85..=0x87 => self.push_tuple(usize::from(opcode - 0x84))?,
            b't' => self.count_above_mark().and_then(|count| self.push_tuple(count))?,
            b'a' => self.append(1)?,
            b'e' => self.count_above_mark().and_then(|count| self.append(count))?,
            b's' => self.set_items(2)?,
            b'u' => self.count_above_mark().and_then(|count| self.set_items(count))?,
            b'q' => self.array::<1>("a memo index").and_then(|[n]| self.put(n.into()))?,
            b'r' => self.array("a memo index").and_then(|n| self.put(u32::from_le_bytes(n)))?,
            b'h' => self.array::<1>("a memo index").and_then(|[n]| self.get(n.into()))?,
            b'j' => self.array("a memo index").and_then(|n| self.get(u32::from_le_bytes(n)))?,
            b'c' => self.global()?,
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            _ => return Err(refused(opcode)),
        }
        Ok(None)
    }

    fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8], String> {
        let code: &'a [u8] = self.code;
        let taken = self.at.checked_add(len).and_then(|end| code.get(self.at..end));
        let left = code.len() - self.at;
        let taken =
            taken.ok_or_else(|| format!("expected {what} of {len} bytes, found {left} to the end"))?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    /// The topmost value, but none from below the last mark.
    fn pop(&mut self) -> Result<Value<'a>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err("expected a value on the stack, found none".to_owned());
        }
        self.stack.pop().ok_or_else(|| "expected a value on the stack, found none".to_owned())
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Value<'a>>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let height = self.stack.len();
        match height.checked_sub(count) {
            Some(from) if from >= floor => Ok(self.stack.split_off(from)),
            _ => Err(format!("expected {count} values on the stack, found {}", height.saturating_sub(floor))),
        }
    }

    /// Forgets the last mark and counts the values above it.
    fn count_above_mark(&mut self) -> Result<usize, String> {
        let mark = self.marks.pop().ok_or("expected a mark, found none")?;
        Ok(self.stack.len() - mark) // `pop` never goes below the last mark
    }

    fn protocol(&mut self) -> Result<(), String> {
        match self.array("a protocol number")? {
            [2..=5] => Ok(()),
            [other] => Err(format!("pickle protocol {other}, expected 2 to 5")),
        }
    }

    /// A signed integer of up to eight bytes.
    fn long(&mut self) -> Result<(), String> {
        let [len] = self.array("a length")?;
        if len > 8 {
            return Err(format!("an integer of {len} bytes, expected at most 8"));
        }
        let bytes = self.take(len.into(), "an integer")?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        self.stack.push(Value::Int(i64::from_le_bytes(wide)));
        Ok(())
    }

    fn text(&mut self) -> Result<(), String> {
        let len = u32::from_le_bytes(self.array("a length")?);
        if len as usize > MAX_TEXT {
            return Err(format!("text of {len} bytes, expected at most {MAX_TEXT}"));
        }
        let bytes = self.take(len as usize, "text")?;
        let text = std::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8")?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn push_dict(&mut self) {
        self.stack.push(Value::Dict(self.heap.dicts.len()));
        self.heap.dicts.push(Vec::new());
    }

    fn push_tuple(&mut self, count: usize) -> Result<(), String> {
        let items = self.pop_many(count)?;
        self.stack.push(Value::Tuple(self.heap.tuples.len()));
        self.heap.tuples.push(items.into());
        Ok(())
    }

    fn append(&mut self, count: usize) -> Result<(), String> {
        self.pop_many(count)?;
        match self.stack.last() {
            Some(Value::List) => Ok(()),
            other => Err(expected("a list to append to", other.copied())),
        }
    }

    fn set_items(&mut self, count: usize) -> Result<(), String> {
        let items = self.pop_many(count)?;
        let place = match self.stack.last() {
            Some(&Value::Dict(place)) => place,
            other => return Err(expected("a dict to fill", other.copied())),
        };
        let (pairs, rest) = items.as_chunks::<2>();
        let dict = self.heap.dicts.get_mut(place).filter(|_| rest.is_empty());
        let dict = dict.ok_or("expected keys and values in pairs, found one left over")?;
        dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn put(&mut self, index: u32) -> Result<(), String> {
        let top = *self.stack.last().ok_or("expected a value to remember, found none")?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn get(&mut self, index: u32) -> Result<(), String> {
        let value = self.memo.get(&index).ok_or_else(|| format!("memo {index} is empty"))?;
        self.stack.push(*value);
        Ok(())
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let code: &'a [u8] = self.code;
        let rest = &code[self.at..];
        let end = rest.iter().take(MAX_TEXT).position(|&byte| byte == b'\n');
        let end = end.ok_or_else(|| format!("expected a name of at most {MAX_TEXT} bytes"))?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| "a name that is not UTF-8".to_owned())
    }

    fn global(&mut self) -> Result<(), String> {
        let (module, name) = (self.line()?, self.line()?);
        self.stack.push(Value::Global(Global::named(module, name)?));
        Ok(())
    }

    /// The persistent id of a storage: `('storage', type, key, location, numel)`.
    fn storage(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let storage = match self.heap.tuple(id) {
            Some(
                &[
                    Value::Text("storage"),
                    Value::Global(Global::StorageOf(element)),
                    Value::Text(key),
                    Value::Text(_location),
                    Value::Int(len),
                ],
            ) => {
                let len = usize::try_from(len).map_err(|_| format!("a storage of {len} numbers"))?;
                Storage { element, key, len }
            }
            _ => return Err(expected("the five parts of a storage", Some(id))),
        };
        self.stack.push(Value::Storage(self.heap.storages.len()));
        self.heap.storages.push(storage);
        Ok(())
    }

    /// Applies one of the known names to its arguments.
    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Value::Global(global) = callee else {
            return Err(expected("a known name to apply", Some(callee)));
        };
        let items = self.heap.tuple(arguments).ok_or_else(|| expected("a tuple", Some(arguments)))?;
        match (global, items) {
            (Global::OrderedDict, []) => self.push_dict(),
            (
                Global::RebuildTensor,
                &[Value::Storage(storage), offset, shape, strides, Value::Bool, ref hooks @ ..],
            ) if hooks.len() <= 2 => {
                let offset = size(offset)?;
                let view = View { storage, offset, shape: self.sizes(shape)?, strides: self.sizes(strides)? };
                self.stack.push(Value::Tensor(self.heap.tensors.len()));
                self.heap.tensors.push(view);
            }
            (Global::RebuildParameter, &[tensor @ Value::Tensor(_), Value::Bool, _hooks]) => {
                self.stack.push(tensor);
            }
            _ => return Err(format!("{global:?} applied to {} unfitting arguments", items.len())),
        }
        Ok(())
    }

    fn sizes(&self, value: Value<'a>) -> Result<Vec<usize>, String> {
        let items = self.heap.tuple(value).ok_or_else(|| expected("a tuple of sizes", Some(value)))?;
        if items.len() > MAX_DIMENSIONS {
            return Err(format!("{} dimensions, expected at most {MAX_DIMENSIONS}", items.len()));
        }
        items.iter().copied().map(size).collect()
    }

    /// Attributes set on an `OrderedDict` (torch keeps version notes there) are dropped.
    fn build(&mut self) -> Result<(), String> {
        self.pop()?;
        match self.stack.last() {
            Some(Value::Dict(_)) => Ok(()),
            other => Err(expected("a dict to set attributes on", other.copied())),
        }
    }
}

fn expected(what: &str, found: Option<Value<'_>>) -> String {
    format!("expected {what}, found {}", found.map_or("nothing", Value::kind))
}

fn size(value: Value<'_>) -> Result<usize, String> {
    match value {
        Value::Int(n) => usize::try_from(n).map_err(|_| format!("a size or stride of {n}")),
        other => Err(expected("a size", Some(other))),
    }
}

/// The message for an opcode that is not run.
fn refused(opcode: u8) -> String {
    let name = match opcode {
        b'i' => "INST",
        b'o' => "OBJ",
        0x81 => "NEWOBJ",
        0x82..=0x84 => "EXT",
        0x92 => "NEWOBJ_EX",
        0x93 => "STACK_GLOBAL",
        0x95 => "FRAME",
        _ if opcode.is_ascii_graphic() => {
            return format!("opcode {} is refused", shown(&char::from(opcode).to_string()));
        }
        _ => return format!("opcode 0x{opcode:02x} is refused"),
    };
    format!(
        "opcode {name} (0x{opcode:02x}) is refused, expected the plain opcodes of a state dict; save the bare \
         weights with `torch.save(model.state_dict(), path)`"
    )
}
