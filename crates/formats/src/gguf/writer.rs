//! The head of a file being written.

use wkv7_core::Dtype;

use super::metadata::Kind;
use super::{DEFAULT_ALIGNMENT, TYPES};

/// Metadata in the order in which they are added.
#[derive(Debug, Default)]
pub(crate) struct Head {
    entries: Vec<u8>,
    count: u64,
}

/// A tensor that will follow.
#[derive(Debug)]
pub(crate) struct Planned<'a> {
    /// ggml's name.
    pub(crate) name: &'a str,
    /// Slowest dimension first.
    pub(crate) shape: &'a [usize],
    /// Element type.
    pub(crate) dtype: Dtype,
    /// Size.
    pub(crate) bytes: u64,
}

impl Head {
    fn key(&mut self, key: &str, kind: Kind) {
        put_text(&mut self.entries, key.as_bytes());
        self.entries.extend((kind as u32).to_le_bytes());
        self.count += 1;
    }

    /// Adds a text.
    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.key(key, Kind::Text);
        put_text(&mut self.entries, text.as_bytes());
    }

    /// Adds a whole number.
    pub(crate) fn u32(&mut self, key: &str, number: u32) {
        self.key(key, Kind::U32);
        self.entries.extend(number.to_le_bytes());
    }

    /// Adds a number.
    pub(crate) fn f32(&mut self, key: &str, number: f32) {
        self.key(key, Kind::F32);
        self.entries.extend(number.to_le_bytes());
    }

    /// Adds an array of texts.
    pub(crate) fn texts(&mut self, key: &str, texts: &[Vec<u8>]) {
        self.array(key, Kind::Text, texts.len());
        texts.iter().for_each(|text| put_text(&mut self.entries, text));
    }

    /// Adds an array of whole numbers.
    pub(crate) fn i32s(&mut self, key: &str, numbers: &[i32]) {
        self.array(key, Kind::I32, numbers.len());
        self.entries.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }

    fn array(&mut self, key: &str, kind: Kind, count: usize) {
        self.key(key, Kind::Array);
        self.entries.extend((kind as u32).to_le_bytes());
        self.entries.extend((count as u64).to_le_bytes());
    }

    /// All bytes before the data, unpadded. Each tensor starts at the next multiple of the default alignment.
    pub(crate) fn finish(self, tensors: &[Planned<'_>]) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3u32.to_le_bytes());
        bytes.extend((tensors.len() as u64).to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.entries);
        let mut offset = 0u64;
        for tensor in tensors {
            put_text(&mut bytes, tensor.name.as_bytes());
            bytes.extend((tensor.shape.len() as u32).to_le_bytes());
            for &dimension in tensor.shape.iter().rev() {
                bytes.extend((dimension as u64).to_le_bytes());
            }
            bytes.extend(number(tensor.dtype).to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset = (offset + tensor.bytes).next_multiple_of(u64::from(DEFAULT_ALIGNMENT));
        }
        bytes
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text);
}

/// ggml's number of a type.
fn number(dtype: Dtype) -> u32 {
    // Every type has one; 0 is F32.
    TYPES.iter().find(|&&(_, known)| known == dtype).map_or(0, |&(number, _)| number)
}
