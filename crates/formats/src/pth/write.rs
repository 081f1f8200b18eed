//! The pickle of a torch archive: a dict of tensors, each in a storage of its own.
//!
//! What `torch.load(weights_only=True)` accepts is a few opcodes and a few names; nothing else is written.

use wkv7_core::Dtype;

use crate::Problem;

/// A tensor that the archive will hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its shape, slowest dimension first.
    pub(crate) shape: &'a [usize],
    /// Its type: a plain one.
    pub(crate) dtype: Dtype,
}

/// The pickle of an ordered dict of `tensors`; tensor `n` lies in storage `n`.
///
/// # Errors
/// [`Problem::Unsupported`] for a type that torch does not have.
pub(crate) fn pickle(tensors: &[Planned<'_>]) -> Result<Vec<u8>, Problem> {
    let mut pickle = Pickle(vec![0x80, 2]);
    pickle.ordered_dict();
    pickle.op(b"(");
    for (key, tensor) in tensors.iter().enumerate() {
        pickle.text(tensor.name);
        pickle.tensor(key, tensor)?;
    }
    pickle.op(b"u.");
    Ok(pickle.0)
}

/// Opcodes so far.
struct Pickle(Vec<u8>);

impl Pickle {
    fn op(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn global(&mut self, module: &str, name: &str) {
        self.op(format!("c{module}\n{name}\n").as_bytes());
    }

    fn ordered_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.op(b")R");
    }

    fn text(&mut self, text: &str) {
        // Names are short; their length was checked when the model was.
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.op(b"X");
        self.op(&len.to_le_bytes());
        self.op(text.as_bytes());
    }

    fn int(&mut self, value: usize) {
        if let Ok(byte) = u8::try_from(value) {
            self.op(&[b'K', byte]);
        } else if let Ok(value) = i32::try_from(value) {
            self.op(b"J");
            self.op(&value.to_le_bytes());
        } else {
            self.op(&[0x8a, 8]);
            self.op(&(value as u64).to_le_bytes());
        }
    }

    fn tuple(&mut self, values: impl Iterator<Item = usize>) {
        self.op(b"(");
        values.for_each(|value| self.int(value));
        self.op(b"t");
    }

    fn tensor(&mut self, key: usize, tensor: &Planned<'_>) -> Result<(), Problem> {
        let storage = match tensor.dtype {
            Dtype::F64 => "DoubleStorage",
            Dtype::F32 => "FloatStorage",
            Dtype::F16 => "HalfStorage",
            Dtype::BF16 => "BFloat16Storage",
            other => return Err(Problem::Unsupported(format!("a .pth holds F64 F32 F16 BF16, not {other}"))),
        };
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.op(b"((");
        self.text("storage");
        self.global("torch", storage);
        self.text(&key.to_string());
        self.text("cpu");
        self.int(tensor.shape.iter().product());
        self.op(b"tQ");
        self.int(0); // first number
        self.tuple(tensor.shape.iter().copied());
        self.tuple((1..=tensor.shape.len()).map(|n| tensor.shape[n..].iter().product()));
        self.op(b"\x89"); // needs no gradient
        self.ordered_dict(); // nor hooks
        self.op(b"tR");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pickle_byte_by_byte() {
        let tensor = Planned { name: "w0", shape: &[1, 1, 300], dtype: Dtype::BF16 };
        let want: [&[u8]; 15] = [
            b"\x80\x02ccollections\nOrderedDict\n)R(",
            b"X\x02\0\0\0w0",
            b"ctorch._utils\n_rebuild_tensor_v2\n(",
            b"(X\x07\0\0\0storage",
            b"ctorch\nBFloat16Storage\n",
            b"X\x01\0\0\x000",
            b"X\x03\0\0\0cpu",
            b"J\x2c\x01\0\0tQ",
            b"K\0",
            b"(K\x01K\x01J\x2c\x01\0\0t",
            b"(J\x2c\x01\0\0J\x2c\x01\0\0K\x01t",
            b"\x89",
            b"ccollections\nOrderedDict\n)R",
            b"tR",
            b"u.",
        ];
        assert_eq!(pickle(&[tensor]).expect("a plain type"), want.concat());
    }

    #[test]
    fn what_torch_does_not_have_is_refused() {
        let error =
            pickle(&[Planned { name: "x", shape: &[32], dtype: Dtype::Q8_0 }]).expect_err("a block type");
        assert!(error.to_string().contains("not Q8_0"), "{error}");
    }

    #[test]
    fn whole_numbers_of_every_size_are_read_again() {
        let mut pickle = Pickle(vec![0x80, 2]);
        let numbers = [0, 255, 256, i32::MAX as usize, 1 << 31, 1 << 40];
        pickle.tuple(numbers.into_iter());
        pickle.op(b".");
        let (top, heap) = crate::pth::machine::run(&pickle.0).expect("sound");
        let found = heap.tuple(top).expect("a tuple");
        for (found, want) in found.iter().zip(numbers) {
            assert!(matches!(found, crate::pth::value::Value::Int(n) if *n == want as i64), "{want}");
        }
    }
}
