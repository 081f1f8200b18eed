//! A writer of GGUF files: sound ones to be patched, and heads made from parts, broken ones too.

/// A file to be changed in place.
#[derive(Debug, Clone)]
pub struct Patch(pub Vec<u8>);

impl Patch {
    /// Where the bytes after `name`, stored with its length, begin.
    pub fn after(&self, name: &str) -> usize {
        let mut stored = (name.len() as u64).to_le_bytes().to_vec();
        stored.extend(name.bytes());
        let at = self.0.windows(stored.len()).position(|window| window == stored);
        at.unwrap_or_else(|| panic!("no `{name}`")) + stored.len()
    }

    /// Overwrites the bytes at `at`.
    pub fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Overwrites a 32-bit number.
    pub fn u32(self, at: usize, value: u32) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    /// Overwrites a 64-bit number.
    pub fn u64(self, at: usize, value: u64) -> Self {
        self.put(at, &value.to_le_bytes())
    }

    /// Sets the number at a metadata key.
    pub fn key(self, name: &str, value: u32) -> Self {
        let at = self.after(name) + 4;
        self.u32(at, value)
    }

    /// Sets the type of a metadata key.
    pub fn kind(self, name: &str, kind: u32) -> Self {
        let at = self.after(name);
        self.u32(at, kind)
    }

    /// Gives a key or tensor another name of the same length.
    pub fn rename(self, from: &str, to: &str) -> Self {
        assert_eq!(from.len(), to.len());
        let at = self.after(from) - from.len();
        self.put(at, to.as_bytes())
    }

    /// Sets one of the two dimensions of a matrix, fastest first.
    pub fn dimension(self, tensor: &str, axis: usize, value: u64) -> Self {
        let at = self.after(tensor) + 4 + 8 * axis;
        self.u64(at, value)
    }

    /// Sets the type of a matrix.
    pub fn dtype(self, tensor: &str, number: u32) -> Self {
        let at = self.after(tensor) + 4 + 16;
        self.u32(at, number)
    }

    /// Sets the offset of a matrix.
    pub fn offset(self, tensor: &str, value: u64) -> Self {
        let at = self.after(tensor) + 4 + 16 + 4;
        self.u64(at, value)
    }

    /// Ends the file after `length` bytes.
    pub fn cut(mut self, length: usize) -> Self {
        self.0.truncate(length);
        self
    }
}

/// A file of metadata alone, from its parts: the entries' bytes, and how many they are.
#[derive(Debug, Clone)]
pub struct Made(pub Vec<u8>, pub u64);

impl Made {
    /// The two entries without which a reader looks no further.
    pub fn new(architecture: &str) -> Self {
        Self(Vec::new(), 0).text("general.architecture", architecture).number("rwkv7.wkv.head_size", 32)
    }

    /// Adds an entry of any type and bytes.
    pub fn raw(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.0.extend((key.len() as u64).to_le_bytes());
        self.0.extend(key.bytes());
        self.0.extend(kind.to_le_bytes());
        self.0.extend(value);
        self.1 += 1;
        self
    }

    /// Adds a text.
    pub fn text(self, key: &str, text: &str) -> Self {
        self.raw(key, 8, &stored(text.as_bytes()))
    }

    /// Adds a u32.
    pub fn number(self, key: &str, number: u32) -> Self {
        self.raw(key, 4, &number.to_le_bytes())
    }

    /// Adds an array that claims `count` elements.
    pub fn array(self, key: &str, kind: u32, count: u64, elements: &[u8]) -> Self {
        let mut value = kind.to_le_bytes().to_vec();
        value.extend(count.to_le_bytes());
        value.extend(elements);
        self.raw(key, 9, &value)
    }

    /// Adds a World vocabulary of these tokens and types.
    pub fn vocabulary(self, tokens: &[(&[u8], i32)]) -> Self {
        let texts: Vec<u8> = tokens.iter().flat_map(|(text, _)| stored(text)).collect();
        let types: Vec<u8> = tokens.iter().flat_map(|(_, kind)| kind.to_le_bytes()).collect();
        let count = tokens.len() as u64;
        self.text("tokenizer.ggml.model", "rwkv").array("tokenizer.ggml.tokens", 8, count, &texts).array(
            "tokenizer.ggml.token_type",
            5,
            count,
            &types,
        )
    }

    /// The file.
    pub fn file(self) -> Vec<u8> {
        let count = self.1;
        self.claiming(0, count)
    }

    /// The file with a head that claims so many tensors and entries.
    pub fn claiming(self, tensors: u64, entries: u64) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(tensors.to_le_bytes());
        file.extend(entries.to_le_bytes());
        file.extend(self.0);
        file
    }
}

/// The sound file `file` with the entries of `made` before its own, padded so that its tensors stay aligned to 32.
///
/// # Panics
/// Where `file` has no head.
#[must_use]
pub fn with_entries(file: &[u8], made: Made) -> Vec<u8> {
    let padding = made.0.len().next_multiple_of(32) - made.0.len();
    // The filler takes 24 bytes besides its text: two lengths, a type, a key of four.
    let made = made.text("fill", &" ".repeat(padding + 8));
    let (head, rest) = file.split_at(24);
    let (tensors, entries) = (&head[..16], &head[16..]);
    let entries = u64::from_le_bytes(entries.try_into().expect("eight bytes")) + made.1;
    [tensors, &entries.to_le_bytes(), &made.0, rest].concat()
}

/// A text as the format stores it: its length, then its bytes.
pub fn stored(text: &[u8]) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text);
    bytes
}
