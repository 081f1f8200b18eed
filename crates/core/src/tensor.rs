//! A tensor: typed, shaped bytes, read in the official orientation whatever the file's own is.

use std::ops::Range;

use crate::{Bytes, Dtype, Error, blocks};

/// How the stored rows relate to the logical matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Stored row by row: row `i` of the file is row `i` of the matrix.
    Rows,
    /// Stored transposed: row `j` of the file is column `j` of the matrix. Only for two dimensions.
    Transposed,
}

/// A tensor of one or two dimensions over shared bytes.
///
/// The *logical* shape is that of the official checkpoint. Foreign formats keep their thin matrices
/// transposed; such a tensor says [`Layout::Transposed`] and is not copied.
#[derive(Debug, Clone)]
pub struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>, // logical: [n] or [rows, columns]
    layout: Layout,
    row_bytes: usize, // of a stored row
    bytes: Bytes,
}

impl Tensor {
    /// A tensor stored in its logical order.
    ///
    /// `name` is for messages only. Leading dimensions of size one are dropped while there are more than
    /// two: `[1, 1, n]` becomes `[1, n]`.
    ///
    /// # Errors
    /// [`Error::BadTensor`] or [`Error::RowNotWholeBlocks`] where type, shape and byte count do not agree.
    pub fn new(name: &str, dtype: Dtype, shape: &[usize], bytes: Bytes) -> Result<Self, Error> {
        let bad = |problem: String| Error::BadTensor { name: name.to_owned(), problem };
        let mut kept = shape;
        while let [1, rest @ ..] = kept
            && rest.len() >= 2
        {
            kept = rest;
        }
        if shape.contains(&0) {
            return Err(bad(format!("shape {shape:?} holds no number at all")));
        }
        let (rows, columns) = match *kept {
            [] => (1, 1),
            [n] => (1, n),
            [rows, columns] => (rows, columns),
            _ => return Err(bad(format!("shape {shape:?} has more than two dimensions"))),
        };
        if !columns.is_multiple_of(dtype.block_len()) {
            let (name, block) = (name.to_owned(), dtype.block_len());
            return Err(Error::RowNotWholeBlocks { name, dtype, block, columns });
        }
        let row_bytes = dtype.row_bytes(columns);
        let total = row_bytes.and_then(|row| row.checked_mul(rows));
        let (Some(row_bytes), Some(total)) = (row_bytes, total) else {
            return Err(bad(format!("shape {shape:?} of {dtype} is larger than any memory")));
        };
        if total != bytes.len() {
            return Err(bad(format!(
                "shape {shape:?} of {dtype} takes {total} bytes, the file gives {}",
                bytes.len()
            )));
        }
        let shape = if kept.is_empty() { vec![1] } else { kept.to_vec() };
        Ok(Self { dtype, shape, layout: Layout::Rows, row_bytes, bytes })
    }

    /// A tensor of f32 numbers made in memory.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn from_f32(name: &str, shape: &[usize], values: &[f32]) -> Result<Self, Error> {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self::new(name, Dtype::F32, shape, Bytes::from(bytes))
    }

    /// The transposed matrix over the same bytes. A vector is its own transpose.
    #[must_use]
    pub fn transposed(mut self) -> Self {
        if self.shape.len() == 2 {
            self.shape.swap(0, 1);
            self.layout = match self.layout {
                Layout::Rows => Layout::Transposed,
                Layout::Transposed => Layout::Rows,
            };
        }
        self
    }

    /// The same numbers under another shape of equal size, e.g. `[heads * head_size]` as `[heads, head_size]`.
    ///
    /// # Errors
    /// [`Error::WrongShape`] where the sizes differ, [`Error::BadTensor`] for a transposed tensor,
    /// [`Error::RowNotWholeBlocks`] where a row would split a block.
    pub fn reshaped(self, name: &str, shape: &[usize]) -> Result<Self, Error> {
        if self.layout == Layout::Transposed {
            return Err(Error::BadTensor {
                name: name.to_owned(),
                problem: "a transposed tensor cannot be reshaped".to_owned(),
            });
        }
        if shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(self.len()) {
            return Err(Error::WrongShape {
                name: name.to_owned(),
                want: format!("{shape:?}"),
                found: self.shape,
            });
        }
        Self::new(name, self.dtype, shape, self.bytes)
    }

    /// Row `index` of a matrix stored by rows, as a vector over the same bytes; `None` outside or transposed.
    #[must_use]
    pub fn sub_row(&self, index: usize) -> Option<Self> {
        if self.layout == Layout::Transposed || self.shape.len() != 2 || index >= self.shape[0] {
            return None;
        }
        let start = index * self.row_bytes;
        let bytes = self.bytes.slice(start..start + self.row_bytes)?;
        Some(Self {
            dtype: self.dtype,
            shape: vec![self.shape[1]],
            layout: Layout::Rows,
            row_bytes: self.row_bytes,
            bytes,
        })
    }

    /// Element type.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Logical shape: `[n]` or `[rows, columns]`.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How the file keeps it.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Numbers in the tensor.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Never: a tensor holds at least one number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Logical rows; 1 for a vector.
    #[must_use]
    pub fn rows(&self) -> usize {
        if self.shape.len() == 2 { self.shape[0] } else { 1 }
    }

    /// Logical columns; the length of a vector.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.shape[self.shape.len() - 1]
    }

    /// Rows as stored: logical rows, or logical columns of a transposed tensor.
    #[must_use]
    pub fn stored_rows(&self) -> usize {
        match self.layout {
            Layout::Rows => self.rows(),
            Layout::Transposed => self.columns(),
        }
    }

    /// Numbers in a stored row.
    #[must_use]
    pub fn stored_columns(&self) -> usize {
        match self.layout {
            Layout::Rows => self.columns(),
            Layout::Transposed => self.rows(),
        }
    }

    /// Bytes of one stored row.
    #[must_use]
    pub fn stored_row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// All bytes, as stored.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Reads stored row `row` as f32 into `out`, which holds [`Tensor::stored_columns`] numbers.
    ///
    /// # Panics
    /// Where `row` or the length of `out` is not that of the tensor: a mistake of the caller.
    pub fn read_stored_row(&self, row: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.stored_columns(), "length of the output row");
        let start = row * self.row_bytes;
        blocks::dequantize(self.dtype, &self.bytes.as_slice()[start..start + self.row_bytes], out);
    }

    /// Reads logical row `row` as f32 into `out`, which holds [`Tensor::columns`] numbers, in either layout.
    ///
    /// # Panics
    /// Where `row` or the length of `out` is not that of the tensor: a mistake of the caller.
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        match self.layout {
            Layout::Rows => self.read_stored_row(row, out),
            Layout::Transposed => {
                assert_eq!(out.len(), self.columns(), "length of the output row");
                for (column, out) in out.iter_mut().enumerate() {
                    *out = self.at(row, column);
                }
            }
        }
    }

    /// The number at logical `row` and `column`.
    ///
    /// # Panics
    /// Outside the shape: a mistake of the caller.
    #[must_use]
    pub fn at(&self, row: usize, column: usize) -> f32 {
        let (block, within) = self.block_of(row, column);
        self.number_in(&self.bytes.as_slice()[block], within)
    }

    /// The first `len` numbers of logical row `row`, read without touching the memory map: see [`Bytes::copy_of`].
    ///
    /// # Panics
    /// Outside the shape: a mistake of the caller.
    #[must_use]
    pub fn peek(&self, row: usize, len: usize) -> Vec<f32> {
        let number = |column| {
            let (block, within) = self.block_of(row, column);
            self.number_in(&self.bytes.copy_of(block).unwrap_or_default(), within)
        };
        match self.layout {
            Layout::Transposed => (0..len).map(number).collect(),
            Layout::Rows => {
                let blocks = len.div_ceil(self.dtype.block_len());
                let start = row * self.row_bytes;
                let bytes = self.bytes.copy_of(start..start + blocks * self.dtype.block_bytes());
                let mut numbers = vec![0.0; blocks * self.dtype.block_len()];
                blocks::dequantize(self.dtype, &bytes.unwrap_or_default(), &mut numbers);
                numbers.truncate(len);
                numbers
            }
        }
    }

    /// The bytes of the block that holds a number, and its place in the block.
    fn block_of(&self, row: usize, column: usize) -> (Range<usize>, usize) {
        let (stored_row, stored_column) = match self.layout {
            Layout::Rows => (row, column),
            Layout::Transposed => (column, row),
        };
        let (len, size) = (self.dtype.block_len(), self.dtype.block_bytes());
        let start = stored_row * self.row_bytes + stored_column / len * size;
        (start..start + size, stored_column % len)
    }

    fn number_in(&self, block: &[u8], within: usize) -> f32 {
        let mut numbers = [0.0; blocks::MAX_LEN];
        blocks::dequantize(self.dtype, block, &mut numbers[..self.dtype.block_len()]);
        numbers[within]
    }

    /// The same tensor over a copy of its bytes in memory.
    #[must_use]
    pub fn detached(&self) -> Self {
        let bytes = self.bytes.copy_of(0..self.bytes.len()).unwrap_or_default();
        Self { bytes: Bytes::from(bytes), ..self.clone() }
    }

    /// All numbers as f32 in logical, row-major order.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let mut stored = vec![0.0; self.len()];
        for (row, out) in stored.chunks_exact_mut(self.stored_columns()).enumerate() {
            self.read_stored_row(row, out);
        }
        if self.layout == Layout::Rows {
            return stored;
        }
        let (rows, columns) = (self.rows(), self.columns());
        (0..rows * columns).map(|n| stored[(n % columns) * rows + n / columns]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> Tensor {
        Tensor::from_f32("m", &[1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).expect("valid")
    }

    #[test]
    fn transposition_is_a_view() {
        let turned = matrix().transposed();
        assert_eq!(turned.shape(), [3, 2]);
        assert_eq!(turned.to_f32(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(turned.peek(2, 2), [3.0, 6.0]);
        assert_eq!((turned.at(1, 1), turned.detached().at(1, 1)), (5.0, 5.0));
        assert_eq!(turned.transposed().to_f32(), matrix().to_f32());
        assert_eq!(matrix().peek(1, 2), [4.0, 5.0]);
    }

    #[test]
    fn only_leading_ones_are_dropped() {
        let shape = |shape: &[usize]| {
            let zeros = vec![0.0; shape.iter().product()];
            Tensor::from_f32("x", shape, &zeros).map(|tensor| tensor.shape().to_vec())
        };
        assert_eq!(shape(&[1, 1, 4]).expect("vector"), [1, 4]);
        assert_eq!(shape(&[1, 64]).expect("one head"), [1, 64]);
        assert_eq!(shape(&[4, 1]).expect("rank one"), [4, 1]);
        assert!(shape(&[6, 1, 4]).is_err());
    }

    #[test]
    fn sizes_must_agree() {
        let bytes = Bytes::from(vec![0; 8]);
        let error = Tensor::new("x", Dtype::F32, &[3], bytes.clone()).expect_err("12 bytes").to_string();
        assert_eq!(error, "tensor `x`: shape [3] of F32 takes 12 bytes, the file gives 8");
        assert!(Tensor::new("x", Dtype::F32, &[usize::MAX, 2], bytes.clone()).is_err());
        assert!(Tensor::new("x", Dtype::F32, &[0], bytes.clone()).is_err());
        assert!(Tensor::new("x", Dtype::Q8_0, &[8], bytes.clone()).is_err());
        assert!(Tensor::new("x", Dtype::F32, &[2, 2, 2], bytes).is_err());
    }

    #[test]
    fn rows_are_views() {
        assert_eq!(matrix().sub_row(1).expect("two rows").to_f32(), [4.0, 5.0, 6.0]);
        assert!(matrix().sub_row(2).is_none());
        assert!(matrix().transposed().sub_row(0).is_none());
    }
}
