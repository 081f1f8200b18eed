//! Element types as the device keeps them, and rows of tensors turned into them.

use half::{bf16, f16};
use wkv7_core::{Dtype, Layout, Tensor};

use crate::{Features, Shape};

/// An element type that kernels read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Element {
    F32,
    F16,
    BF16,
    Q8_0,
    Q4_0,
    Q4K,
    Q5K,
    Q6K,
}

const WORDS: &str = include_str!("shaders/words_32.wgsl");
const SCALE_MIN: &str = include_str!("shaders/scale_min.wgsl");

impl Element {
    /// As what a matrix is kept: its own type where kernels read that; else F16, or F32 where no approximation is
    /// allowed or the columns of the file's blocks become rows, which only thin matrices need.
    pub(crate) fn of(matrix: &Tensor, exact: bool) -> Self {
        let kept = match matrix.dtype() {
            Dtype::F32 | Dtype::F64 => Some(Self::F32),
            Dtype::F16 => Some(Self::F16),
            Dtype::BF16 => Some(Self::BF16),
            _ if matrix.layout() == Layout::Transposed => Some(Self::F32),
            Dtype::Q8_0 => Some(Self::Q8_0),
            Dtype::Q4_0 => Some(Self::Q4_0),
            Dtype::Q4K => Some(Self::Q4K),
            Dtype::Q5K => Some(Self::Q5K),
            Dtype::Q6K => Some(Self::Q6K),
            _ => None,
        };
        kept.unwrap_or(if exact { Self::F32 } else { Self::F16 })
    }

    /// The type of files that has the same numbers.
    pub(crate) fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::BF16 => Dtype::BF16,
            Self::Q8_0 => Dtype::Q8_0,
            Self::Q4_0 => Dtype::Q4_0,
            Self::Q4K => Dtype::Q4K,
            Self::Q5K => Dtype::Q5K,
            Self::Q6K => Dtype::Q6K,
        }
    }

    /// The numbers of a block and the bytes that it takes on the device.
    fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (8, 32),
            Self::F16 | Self::BF16 => (8, 16),
            Self::Q8_0 => (32, 36),  // 34 in the file: the scale gets a word of its own
            Self::Q4_0 => (32, 20),  // 18 likewise
            Self::Q4K => (256, 144), // as in the file
            Self::Q5K => (256, 176), // as in the file
            Self::Q6K => (256, 212), // 210 in the file: two bytes at the end
        }
    }

    /// Bytes of a row of `columns` numbers; plain types are filled up with zeros to eight columns.
    pub(crate) fn row_bytes(self, columns: usize) -> usize {
        let (numbers, bytes) = self.block();
        columns.div_ceil(numbers) * bytes
    }

    /// The kernel text that reads it.
    pub(crate) fn files(self, features: Features, shape: Shape) -> Vec<&'static str> {
        let plain = match shape {
            Shape::Wide => include_str!("shaders/words_128.wgsl"),
            Shape::Narrow if features.int64 => include_str!("shaders/words_64.wgsl"),
            Shape::Narrow => WORDS,
        };
        let words = WORDS; // blocks have odd numbers of words
        match self {
            Self::F32 => vec![plain, include_str!("shaders/weight_f32.wgsl")],
            Self::F16 => vec![plain, include_str!("shaders/weight_f16.wgsl")],
            Self::BF16 => vec![plain, include_str!("shaders/weight_bf16.wgsl")],
            Self::Q8_0 => vec![words, include_str!("shaders/weight_q8_0.wgsl")],
            Self::Q4_0 => vec![words, include_str!("shaders/weight_q4_0.wgsl")],
            Self::Q4K => vec![words, SCALE_MIN, include_str!("shaders/weight_q4_k.wgsl")],
            Self::Q5K => vec![words, SCALE_MIN, include_str!("shaders/weight_q5_k.wgsl")],
            Self::Q6K => vec![words, include_str!("shaders/weight_q6_k.wgsl")],
        }
    }
}

/// The rows of a matrix, to be taken in order.
pub(crate) struct Rows<'a> {
    tensor: &'a Tensor,
    element: Element,
    numbers: Option<Vec<f32>>, // all of a transposed matrix, whose rows the file does not hold together
    row: Vec<f32>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(tensor: &'a Tensor, element: Element) -> Self {
        let numbers = (tensor.layout() == Layout::Transposed).then(|| tensor.to_f32());
        Self { tensor, element, numbers, row: vec![0.0; tensor.columns()] }
    }

    /// Appends row `index` as the device has it.
    pub(crate) fn push(&mut self, index: usize, out: &mut Vec<u8>) {
        let end = out.len() + self.element.row_bytes(self.tensor.columns());
        let columns = self.tensor.columns();
        let numbers = match &self.numbers {
            Some(numbers) => &numbers[index * columns..(index + 1) * columns],
            None if self.is_kept() => {
                let size = self.tensor.stored_row_bytes();
                self.push_kept(&self.tensor.bytes().as_slice()[index * size..(index + 1) * size], out);
                out.resize(end, 0);
                return;
            }
            None => {
                self.tensor.read_stored_row(index, &mut self.row);
                &self.row
            }
        };
        match self.element {
            Element::F16 => out.extend(numbers.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes())),
            Element::BF16 => out.extend(numbers.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes())),
            _ => out.extend(numbers.iter().flat_map(|x| x.to_le_bytes())),
        }
        out.resize(end, 0);
    }

    /// Whether the file's bytes are the device's, but for alignment.
    fn is_kept(&self) -> bool {
        self.element.dtype() == self.tensor.dtype()
    }

    fn push_kept(&self, bytes: &[u8], out: &mut Vec<u8>) {
        let size = self.tensor.dtype().block_bytes();
        match self.element {
            Element::Q8_0 | Element::Q4_0 => {
                for block in bytes.chunks_exact(size) {
                    out.extend([block[0], block[1], 0, 0]);
                    out.extend(&block[2..]);
                }
            }
            Element::Q6K => {
                for block in bytes.chunks_exact(size) {
                    out.extend(block);
                    out.extend([0, 0]);
                }
            }
            _ => out.extend(bytes),
        }
    }
}
