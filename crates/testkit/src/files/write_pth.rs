//! A writer of zip archives and pickles, plain enough to write broken ones too.

use super::toy::{Toy, f32_bytes};

/// A zip archive in the making. Sizes stand in the directory; `wide` writes them in zip64 fields.
#[derive(Debug, Default)]
pub struct Zip {
    wide: bool,
    bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u64,
}

impl Zip {
    /// An archive with zip64 records.
    pub fn wide() -> Self {
        Self { wide: true, ..Self::default() }
    }

    /// Adds a stored member whose data starts at a multiple of 64, as torch pads it.
    pub fn add(&mut self, name: &str, data: &[u8]) {
        self.add_as(name, data, 0);
    }

    /// Adds a member that claims a compression method.
    pub fn add_as(&mut self, name: &str, data: &[u8], method: u16) {
        let local = self.bytes.len() as u64;
        let behind = self.bytes.len() + 30 + name.len() + 4;
        let padding = behind.next_multiple_of(64) - behind;
        self.bytes.extend(b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0");
        self.bytes.extend([0; 12]); // checksum and sizes stand elsewhere
        self.bytes.extend((name.len() as u16).to_le_bytes());
        self.bytes.extend((padding as u16 + 4).to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(b"FB");
        self.bytes.extend((padding as u16).to_le_bytes());
        self.bytes.extend(vec![b'Z'; padding]);
        self.bytes.extend(data);
        self.entry(name, data.len() as u64, method, local);
    }

    /// Adds a line to the directory alone.
    pub fn entry(&mut self, name: &str, size: u64, method: u16, local: u64) {
        self.count += 1;
        let narrow = |value: u64| if self.wide { u32::MAX } else { value as u32 };
        let directory = &mut self.directory;
        directory.extend(b"PK\x01\x02\0\0\0\0\x08\x08");
        directory.extend(method.to_le_bytes());
        directory.extend([0; 8]); // time, date, checksum
        directory.extend(narrow(size).to_le_bytes());
        directory.extend(narrow(size).to_le_bytes());
        directory.extend((name.len() as u16).to_le_bytes());
        directory.extend((if self.wide { 28u16 } else { 0 }).to_le_bytes());
        directory.extend([0; 10]); // comment, disk, attributes
        directory.extend(narrow(local).to_le_bytes());
        directory.extend(name.as_bytes());
        if self.wide {
            directory.extend([1, 0, 24, 0]);
            directory.extend([size, size, local].map(u64::to_le_bytes).concat());
        }
    }

    /// The archive.
    pub fn end(self) -> Vec<u8> {
        let (count, start) = (self.count, self.bytes.len() as u64);
        self.end_with(count, start)
    }

    /// The archive with an end record that says what it is told.
    pub fn end_with(self, count: u64, start: u64) -> Vec<u8> {
        let size = self.directory.len() as u64;
        let mut bytes = [self.bytes, self.directory].concat();
        if self.wide {
            let record = bytes.len() as u64;
            bytes.extend(b"PK\x06\x06");
            bytes.extend(44u64.to_le_bytes());
            bytes.extend([0; 12]);
            bytes.extend([count, count, size, start].map(u64::to_le_bytes).concat());
            bytes.extend(b"PK\x06\x07\0\0\0\0");
            bytes.extend(record.to_le_bytes());
            bytes.extend(1u32.to_le_bytes());
            bytes.extend(b"PK\x05\x06\0\0\0\0");
            bytes.extend([0xff; 12]);
        } else {
            bytes.extend(b"PK\x05\x06\0\0\0\0");
            bytes.extend([(count as u16).to_le_bytes(); 2].concat());
            bytes.extend([size as u32, start as u32].map(u32::to_le_bytes).concat());
        }
        bytes.extend([0, 0]);
        bytes
    }
}

/// A pickle in the making; every method adds one or a few opcodes.
#[derive(Debug, Clone)]
pub struct Pickle(pub Vec<u8>);

impl Default for Pickle {
    fn default() -> Self {
        Self::new()
    }
}

impl Pickle {
    /// The protocol alone.
    #[must_use]
    pub fn new() -> Self {
        Self(vec![0x80, 2])
    }

    /// Raw opcodes.
    pub fn op(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    /// A text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.op(b"X").op(&(text.len() as u32).to_le_bytes()).op(text.as_bytes())
    }

    /// A name to be looked up.
    pub fn global(&mut self, module: &str, name: &str) -> &mut Self {
        self.op(format!("c{module}\n{name}\n").as_bytes())
    }

    /// An integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.op(&[0x8a, 8]).op(&value.to_le_bytes())
    }

    /// A tuple of integers.
    pub fn tuple(&mut self, values: &[i64]) -> &mut Self {
        self.op(b"(");
        for &value in values {
            self.int(value);
        }
        self.op(b"t")
    }

    /// The persistent id of a storage of `len` numbers.
    pub fn storage(&mut self, kind: &str, key: &str, len: i64) -> &mut Self {
        self.op(b"(").text("storage").global("torch", kind).text(key).text("cpu").int(len).op(b"tQ")
    }

    /// A tensor of a storage of floats.
    pub fn tensor(&mut self, view: &View<'_>) -> &mut Self {
        self.global("torch._utils", "_rebuild_tensor_v2").op(b"(").storage(view.kind, view.key, view.len);
        self.int(view.offset).tuple(view.shape).tuple(view.strides).op(b"\x89");
        self.global("collections", "OrderedDict").op(b")RtR")
    }

    /// One entry of the dict on top of the stack.
    pub fn item(&mut self, name: &str, view: &View<'_>) -> &mut Self {
        self.text(name).tensor(view).op(b"s")
    }
}

/// How a pickle describes a tensor.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// `FloatStorage` and its relatives.
    pub kind: &'a str,
    /// Which member `data/<key>`.
    pub key: &'a str,
    /// Numbers that the storage claims.
    pub len: i64,
    /// First number.
    pub offset: i64,
    /// Numbers along each dimension.
    pub shape: &'a [i64],
    /// Steps along each dimension.
    pub strides: &'a [i64],
}

/// Row-major strides of a shape.
pub fn strides(shape: &[i64]) -> Vec<i64> {
    (0..shape.len()).map(|n| shape[n + 1..].iter().product()).collect()
}

/// An archive with that pickle and those storages `data/0`, `data/1`, ...
pub fn archive(pickle: &[u8], storages: &[Vec<u8>]) -> Vec<u8> {
    archive_in(Zip::default(), pickle, storages)
}

/// [`archive`] in a zip of choice.
pub fn archive_in(mut zip: Zip, pickle: &[u8], storages: &[Vec<u8>]) -> Vec<u8> {
    zip.add("toy/data.pkl", pickle);
    zip.add("toy/byteorder", b"little");
    for (key, storage) in storages.iter().enumerate() {
        zip.add(&format!("toy/data/{key}"), storage);
    }
    zip.add("toy/version", b"3\n");
    zip.end()
}

/// The pickle and storages of a state dict, each tensor in a storage of its own.
pub fn state_dict(toys: &[Toy]) -> (Pickle, Vec<Vec<u8>>) {
    let mut pickle = Pickle::new();
    pickle.op(b"}");
    let mut storages = Vec::new();
    for toy in toys {
        let shape: Vec<i64> = toy.shape.iter().map(|&n| n as i64).collect();
        let (key, len) = (storages.len().to_string(), toy.values.len() as i64);
        let kind = "FloatStorage";
        let view = View { kind, key: &key, len, offset: 0, shape: &shape, strides: &strides(&shape) };
        pickle.item(&toy.name, &view);
        storages.push(f32_bytes(&toy.values));
    }
    (pickle, storages)
}

/// A whole `.pth` of f32 tensors.
pub fn pth(toys: &[Toy]) -> Vec<u8> {
    let (mut pickle, storages) = state_dict(toys);
    pickle.op(b".");
    archive(&pickle.0, &storages)
}
